/**
 * Why somebody may do something: which binding allows it, and which nearly does.
 *
 * It is about RBAC alone. Other authorizers (Node, webhooks) may say more; who asks the API server
 * for a review knows whether they did.
 */
import type { PolicyRule } from '#api/gen/rbac-v1.ts';
import {
  accountName,
  ruleAllows,
  ruleRefusals,
  type RuleRefusal,
  type RuleRequest,
  subjectOf,
} from '#api/rbac/matching.ts';
import { type Grant, subjectName } from './grants.ts';

export interface Requester {
  readonly name: string;
  readonly groups: readonly string[];
}

/** In a namespace, or (empty) in the whole cluster. */
export interface AccessRequest extends RuleRequest {
  readonly namespace: string;
}

export interface Allowed {
  readonly grant: Grant;
  /** By which subject: `Group admins`. */
  readonly subject: string;
}

export interface Nearly {
  readonly grant: Grant;
  /** `it has the verbs get, list and not delete` */
  readonly missing: string;
}

/** The grants that allow it. */
export function allowing(
  grants: readonly Grant[],
  user: Requester,
  request: AccessRequest,
): Allowed[] {
  return grants.flatMap((grant) => {
    if (!countsIn(grant, request.namespace) || !rulesAllow(grant, request)) return [];
    const subject = subjectOf(grant.subjects, user, grant.namespace);
    if (subject === undefined) return [];
    return [{ grant, subject: subjectName(subject, grant.namespace) }];
  });
}

/** The grants that would allow it but for one thing. */
export function nearlyAllowing(
  grants: readonly Grant[],
  user: Requester,
  request: AccessRequest,
): Nearly[] {
  return grants.flatMap((grant) => {
    const missing = missingOf(grant, user, request);
    return missing === undefined ? [] : [{ grant, missing }];
  });
}

/** Who may do it: each subject with what it has it by. */
export function whoCan(
  grants: readonly Grant[],
  request: AccessRequest,
): { readonly subject: string; readonly grant: Grant }[] {
  return grants
    .filter((grant) => countsIn(grant, request.namespace) && rulesAllow(grant, request))
    .flatMap((grant) =>
      grant.subjects.map((subject) => ({ subject: subjectName(subject, grant.namespace), grant })),
    )
    .toSorted((a, b) => (a.subject < b.subject ? -1 : a.subject > b.subject ? 1 : 0));
}

function countsIn({ namespace }: Grant, wanted: string): boolean {
  return namespace === '' || namespace === wanted;
}

function rulesAllow({ rules = [] }: Grant, request: RuleRequest): boolean {
  return rules.some((rule) => ruleAllows(rule, request));
}

function missingOf(grant: Grant, user: Requester, request: AccessRequest): string | undefined {
  const isNamed = subjectOf(grant.subjects, user, grant.namespace) !== undefined;
  const counts = countsIn(grant, request.namespace);
  if (isNamed && counts) {
    if (grant.rules === undefined) return `${grant.role} does not exist`;
    return rulesAllow(grant, request) ? undefined : missingOfRules(grant.rules, request);
  }
  if (!rulesAllow(grant, request)) return undefined;
  if (isNamed)
    return request.namespace === ''
      ? `it counts in namespace ${grant.namespace} alone`
      : `it counts in namespace ${grant.namespace} and not in ${request.namespace}`;
  return counts ? otherSubject(grant, user) : undefined;
}

/** A service account of the same name in another namespace, which is a common slip. */
function otherSubject({ subjects, namespace }: Grant, user: Requester): string | undefined {
  const [, own] = /^system:serviceaccount:[^:]+:(.+)$/.exec(user.name) ?? [];
  if (own === undefined) return undefined;
  const other = subjects.find(
    (subject) => subject.kind === 'ServiceAccount' && subject.name === own,
  );
  if (other === undefined || accountName(other, namespace) === user.name) return undefined;
  return `it names ${subjectName(other, namespace)}`;
}

/** What the nearest rule lacks; undefined where none is near. */
function missingOfRules(rules: readonly PolicyRule[], request: RuleRequest): string | undefined {
  const near = rules
    .map((rule) => ({ rule, refusals: ruleRefusals(rule, request) }))
    .filter(({ rule, refusals }) => refusals.length === 1 && isNear(rule, refusals[0], request));
  const texts = near.map(({ rule, refusals }) => refusalText(rule, refusals[0], request));
  return texts.length === 0 ? undefined : [...new Set(texts)].join('; ');
}

/** A rule of other resources or paths is not near, but for what belongs to the resource. */
function isNear(
  { resources = [] }: PolicyRule,
  refusal: RuleRefusal | undefined,
  { resource }: RuleRequest,
): boolean {
  if (refusal === 'path') return false;
  if (refusal !== 'resource') return true;
  return resources.some((name) => name === resource || name.startsWith(`${resource}/`));
}

function refusalText(
  rule: PolicyRule,
  refusal: RuleRefusal | undefined,
  request: RuleRequest,
): string {
  const { verb, group, resource, subresource, name } = request;
  if (refusal === 'verb') return `it allows ${rule.verbs.join(', ')} and not ${verb}`;
  if (refusal === 'apiGroup')
    return `it is about API group ${groupsText(rule.apiGroups)} and not ${groupsText([group])}`;
  if (refusal === 'resourceName') {
    const names = `it is about ${(rule.resourceNames ?? []).join(', ')}`;
    return name === '' ? `${names} alone, by name` : `${names} and not ${name}`;
  }
  const wanted = subresource === '' ? resource : `${resource}/${subresource}`;
  return `it is about ${(rule.resources ?? []).join(', ')} and not ${wanted}`;
}

function groupsText(groups: readonly string[] = []): string {
  return groups.map((group) => (group === '' ? '""' : group)).join(', ');
}
