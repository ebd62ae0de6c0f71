/**
 * Rules: of which operations on which resources a webhook or policy is told, and as what.
 *
 * Source: API reference admissionregistration/v1, RuleWithOperations, matchPolicy; upstream
 * admission/plugin/webhook/predicates/rules/rules.go, policy/matching/matching.go.
 */
import type { NamedRuleWithOperations } from '#api/gen/admissionregistration-v1.ts';
import type { AnyKind } from '#api/kind.ts';
import {
  type GroupVersionResource,
  type RequestView,
  resourceOf,
  type ResourceMatch,
} from './request.ts';

/** Whether `rule` names the request, were it for `resource`. Names of objects are not looked at. */
export function ruleMatches(
  rule: NamedRuleWithOperations,
  view: { readonly operation: string; readonly subresource: string; readonly namespace: string },
  resource: GroupVersionResource,
): boolean {
  return (
    inScope(rule.scope, view.namespace, resource) &&
    covers(rule.operations, view.operation) &&
    covers(rule.apiGroups, resource.group) &&
    covers(rule.apiVersions, resource.version) &&
    coversResource(rule.resources, resource.resource, view.subresource)
  );
}

function covers(items: readonly string[] | undefined, asked: string): boolean {
  return items?.some((item) => item === '*' || item === asked) === true;
}

/** A Namespace is of the cluster, though requests for it have a namespace. */
function inScope(
  scope: string | undefined,
  namespace: string,
  { group, version, resource }: GroupVersionResource,
): boolean {
  if (scope === undefined || scope === '*') return true;
  const isNamespace = group === '' && version === 'v1' && resource === 'namespaces';
  const isOfCluster = isNamespace || namespace === '';
  return scope === 'Cluster' ? isOfCluster : scope === 'Namespaced' && !isOfCluster;
}

/** A star stands for all on its side of the slash; without a slash no subresource is meant. */
function coversResource(
  items: readonly string[] | undefined,
  resource: string,
  subresource: string,
): boolean {
  return (
    items?.some((item) => {
      const slash = item.indexOf('/');
      const [main, sub] = slash < 0 ? [item, ''] : [item.slice(0, slash), item.slice(slash + 1)];
      return (main === '*' || main === resource) && (sub === '*' || sub === subresource);
    }) === true
  );
}

export type MatchPolicy = 'Exact' | 'Equivalent';

/**
 * As what the first of `rules` that names the request wants it: as it came where any rule says so,
 * else, with the policy `Equivalent`, as another resource that has the same objects.
 * `equivalents`: the other kinds of the resource.
 */
export function matchRules(
  rules: readonly NamedRuleWithOperations[],
  policy: MatchPolicy,
  view: RequestView,
  equivalents: () => readonly AnyKind[],
): ResourceMatch | undefined {
  const names = (rule: NamedRuleWithOperations, resource: GroupVersionResource): boolean =>
    ruleMatches(rule, view, resource) &&
    ((rule.resourceNames ?? []).length === 0 || rule.resourceNames?.includes(view.name) === true);
  if (rules.some((rule) => names(rule, view.resource)))
    return { resource: view.resource, kind: view.kind };
  if (policy === 'Exact') return undefined;
  for (const rule of rules) {
    const other = equivalents().find((kind) => names(rule, resourceOf(kind)));
    if (other === undefined) continue;
    // What a subresource holds is of one kind, whatever it is a part of.
    const isOwnKind = view.kind === view.attributes.kind;
    return { resource: resourceOf(other), kind: isOwnKind ? other : view.kind };
  }
  return undefined;
}
