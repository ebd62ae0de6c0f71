/**
 * What a rule of RBAC allows, and whom a binding names.
 *
 * Source: Kubernetes documentation, "Using RBAC Authorization"; upstream
 * plugin/pkg/auth/authorizer/rbac and pkg/registry/rbac/validation.
 */
import { trimEndOf } from '#base/trim.ts';
import type { PolicyRule, Subject } from '../gen/rbac-v1.ts';

/** What somebody wants to do: with a resource, or with a path. */
export interface RuleRequest {
  readonly verb: string;
  /** A path, for requests that are of no resource. */
  readonly path: string;
  readonly isResourceRequest: boolean;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  /** Empty where it is about no one object. */
  readonly name: string;
}

export function ruleAllows(rule: PolicyRule, request: RuleRequest): boolean {
  if (!has(rule.verbs, request.verb)) return false;
  if (!request.isResourceRequest) return hasPath(rule, request);
  return (
    has(rule.apiGroups, request.group) &&
    resourceMatches(rule.resources, request) &&
    hasName(rule, request)
  );
}

/** What of a rule does not fit. */
export type RuleRefusal = 'verb' | 'path' | 'apiGroup' | 'resource' | 'resourceName';

/** All that does not fit; empty: the rule allows it. */
export function ruleRefusals(rule: PolicyRule, request: RuleRequest): readonly RuleRefusal[] {
  const fits: Partial<Record<RuleRefusal, boolean>> = {
    verb: has(rule.verbs, request.verb),
    ...(request.isResourceRequest
      ? {
          apiGroup: has(rule.apiGroups, request.group),
          resource: resourceMatches(rule.resources, request),
          resourceName: hasName(rule, request),
        }
      : { path: hasPath(rule, request) }),
  };
  return (Object.keys(fits) as RuleRefusal[]).filter((what) => fits[what] === false);
}

function hasPath({ nonResourceURLs = [] }: PolicyRule, { path }: RuleRequest): boolean {
  return nonResourceURLs.some((pattern) => pathMatches(pattern, path));
}

function hasName({ resourceNames = [] }: PolicyRule, { name }: RuleRequest): boolean {
  return resourceNames.length === 0 || resourceNames.includes(name);
}

/** The subject that names the user; undefined: none does. `namespace`: of the binding, or empty. */
export function subjectOf(
  subjects: readonly Subject[] | undefined,
  user: { readonly name: string; readonly groups: readonly string[] },
  namespace: string,
): Subject | undefined {
  return subjects?.find((subject) => {
    if (subject.kind === 'User') return subject.name === user.name;
    if (subject.kind === 'Group') return user.groups.includes(subject.name);
    return subject.kind === 'ServiceAccount' && user.name === accountName(subject, namespace);
  });
}

/** The user name of a service account. `namespace`: of the binding, or empty. */
export function accountName(subject: Subject, namespace: string): string {
  return `system:serviceaccount:${subject.namespace ?? namespace}:${subject.name}`;
}

function has(list: readonly string[] | undefined, value: string): boolean {
  return list !== undefined && (list.includes('*') || list.includes(value));
}

function resourceMatches(
  resources: readonly string[] | undefined,
  { resource, subresource }: RuleRequest,
): boolean {
  const combined = subresource === '' ? resource : `${resource}/${subresource}`;
  return (resources ?? []).some(
    (rule) =>
      rule === '*' || rule === combined || (subresource !== '' && rule === `*/${subresource}`),
  );
}

/** Whether a pattern of paths that are of no resource fits; stars at its end stand for any rest. */
export function pathMatches(pattern: string, path: string): boolean {
  return (
    pattern === path ||
    (pattern.endsWith('*') && path.startsWith(trimEndOf(pattern, (last) => last === '*')))
  );
}
