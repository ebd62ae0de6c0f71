/**
 * Which FlowSchema a request is of: the first in order whose rules match it.
 *
 * A schema is compiled once per revision, because every request asks.
 *
 * Source: KEP-1040; upstream v1.36 staging/src/k8s.io/apiserver/pkg/util/flowcontrol/rule.go.
 */
import type {
  FlowSchema,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from '#api/gen/flowcontrol-v1.ts';
import type { User } from '../context.ts';
import type { RequestInfo } from '../request-info.ts';

export type SchemaMatcher = (user: User, info: RequestInfo) => boolean;

const ALL = '*';

/** In the order in which requests ask: the lowest precedence first, then by name. */
export function byPrecedence(left: FlowSchema, right: FlowSchema): number {
  const order = (left.spec?.matchingPrecedence ?? 0) - (right.spec?.matchingPrecedence ?? 0);
  if (order !== 0) return order;
  return (left.metadata?.name ?? '') < (right.metadata?.name ?? '') ? -1 : 1;
}

export function schemaMatcher({ spec }: FlowSchema): SchemaMatcher {
  const rules = (spec?.rules ?? []).map(ruleMatcher);
  return (user, info) => rules.some((matches) => matches(user, info));
}

function ruleMatcher(rule: PolicyRulesWithSubjects): SchemaMatcher {
  const subjects = rule.subjects.map(subjectMatcher);
  const resources = (rule.resourceRules ?? []).map(resourceMatcher);
  const paths = (rule.nonResourceRules ?? []).map(pathMatcher);
  return (user, info) => {
    const matchers = info.isResourceRequest ? resources : paths;
    return subjects.some((matches) => matches(user)) && matchers.some((matches) => matches(info));
  };
}

const NOBODY = (): boolean => false;

function subjectMatcher({ user, group, serviceAccount }: Subject): (asking: User) => boolean {
  if (user !== undefined)
    return user.name === ALL ? () => true : (asking) => asking.name === user.name;
  if (group !== undefined)
    return group.name === ALL ? () => true : (asking) => asking.groups.includes(group.name);
  if (serviceAccount === undefined) return NOBODY;
  const prefix = `system:serviceaccount:${serviceAccount.namespace}:`;
  return serviceAccount.name === ALL
    ? (asking) => asking.name.startsWith(prefix)
    : (asking) => asking.name === prefix + serviceAccount.name;
}

function resourceMatcher(rule: ResourcePolicyRule): (info: RequestInfo) => boolean {
  const isVerb = oneOf(rule.verbs);
  const isResource = oneOf(rule.resources);
  const isGroup = oneOf(rule.apiGroups);
  const isNamespace = oneOf(rule.namespaces);
  return ({ verb, resource, subresource, group, namespace }) =>
    isVerb(verb) &&
    isResource(subresource === '' ? resource : `${resource}/${subresource}`) &&
    isGroup(group) &&
    (namespace === '' ? rule.clusterScope === true : isNamespace(namespace));
}

function pathMatcher(rule: NonResourcePolicyRule): (info: RequestInfo) => boolean {
  const isVerb = oneOf(rule.verbs);
  const paths = rule.nonResourceURLs.map(pathPattern);
  return ({ verb, path }) => isVerb(verb) && paths.some((matches) => matches(path));
}

/** A path means what lies below it too, with and without a wildcard at its end. */
function pathPattern(pattern: string): (path: string) => boolean {
  if (pattern === ALL) return () => true;
  const stem = pattern.replace(/\*$/, '');
  const below = stem.endsWith('/') ? stem : `${stem}/`;
  return (path) => path === pattern || path.startsWith(below);
}

/** The wildcard stands alone in its list. */
function oneOf(values: readonly string[]): (value: string) => boolean {
  if (values.length === 1 && values[0] === ALL) return () => true;
  const known = new Set(values);
  return (value) => known.has(value);
}
