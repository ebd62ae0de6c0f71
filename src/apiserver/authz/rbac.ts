/**
 * RBAC: roles say what may be done, bindings say by whom.
 *
 * Rules are indexed by subject and follow the watch cache; a request looks only at the bindings
 * that name its user or one of its groups.
 * Source: Kubernetes documentation, "Using RBAC Authorization"; upstream
 * plugin/pkg/auth/authorizer/rbac.
 */
import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  Subject,
} from '#api/gen/rbac-v1.ts';
import type { User } from '../context.ts';
import { ruleAllows, subjectOf } from '#api/rbac/matching.ts';

import { aggregate, type LocalAuthorizer } from './authorizer.ts';
import type { NonResourceRule, ResourceRule } from '#api/gen/authorization-v1.ts';
import type { ObjectReader } from '../admission/admission.ts';
import { NO_RULES, type RuleResolver } from './rules.ts';

const GROUP = 'rbac.authorization.k8s.io';

/** A rule that applies to a user: in one namespace, or (empty) everywhere. */
export interface AppliedRule {
  readonly rule: PolicyRule;
  readonly namespace: string;
  /** As upstream tells it: `ClusterRoleBinding "x" of ClusterRole "y" to User "z"`. */
  readonly source: string;
}

export function rbacAuthorizer(reader: ObjectReader): LocalAuthorizer {
  return (attributes) => {
    const { user, namespace } = attributes;
    const lost: string[] = [];
    for (const { rule, source } of rulesFor(reader, user, namespace, lost)) {
      if (ruleAllows(rule, attributes))
        return { outcome: 'allow', reason: `RBAC: allowed by ${source}` };
    }
    return { outcome: 'none', reason: lost.length === 0 ? '' : `RBAC: ${aggregate(lost)}` };
  };
}

/** All rules that bind a user, as lists for SelfSubjectRulesReview. */
export function rbacRules(reader: ObjectReader): RuleResolver {
  return (user, namespace) => {
    const resourceRules: ResourceRule[] = [];
    const nonResourceRules: NonResourceRule[] = [];
    const lost: string[] = [];
    for (const { rule } of rulesFor(reader, user, namespace, lost)) {
      const { verbs, apiGroups = [], resources = [], resourceNames, nonResourceURLs = [] } = rule;
      const names = resourceNames === undefined ? {} : { resourceNames };
      if (resources.length > 0) resourceRules.push({ verbs, apiGroups, resources, ...names });
      if (nonResourceURLs.length > 0) nonResourceRules.push({ verbs, nonResourceURLs });
    }
    // What is known is all that there is: a role that is not there allows nothing.
    return { ...NO_RULES, resourceRules, nonResourceRules, errors: lost };
  };
}

/**
 * The rules that bind `user`, cluster-wide and in `namespace` (when it is not empty). Of each role
 * that is bound and not there `lost` gets an error.
 */
export function* rulesFor(
  reader: ObjectReader,
  user: User,
  namespace: string,
  lost: string[] = [],
): Generator<AppliedRule> {
  for (const binding of reader.list({
    group: GROUP,
    plural: 'clusterrolebindings',
  }) as Iterable<ClusterRoleBinding>) {
    const subject = subjectText(binding.subjects, user, '');
    if (subject === undefined) continue;
    const source = `ClusterRoleBinding ${JSON.stringify(binding.metadata?.name)} of ClusterRole ${JSON.stringify(binding.roleRef.name)} to ${subject}`;
    for (const rule of rulesOf(reader, { kind: 'ClusterRole', name: binding.roleRef.name }, lost))
      yield { rule, namespace: '', source };
  }
  if (namespace === '') return;
  for (const binding of reader.list(
    { group: GROUP, plural: 'rolebindings' },
    namespace,
  ) as Iterable<RoleBinding>) {
    const subject = subjectText(binding.subjects, user, namespace);
    if (subject === undefined) continue;
    const { kind, name } = binding.roleRef;
    const source = `RoleBinding ${JSON.stringify(`${binding.metadata?.name}/${namespace}`)} of ${kind} ${JSON.stringify(name)} to ${subject}`;
    for (const rule of rulesOf(reader, { kind, name, namespace }, lost))
      yield { rule, namespace, source };
  }
}

/** Of a role that is not there `lost` gets an error. */
function rulesOf(
  reader: ObjectReader,
  { kind, name, namespace = '' }: { kind: string; name: string; namespace?: string },
  lost: string[],
): readonly PolicyRule[] {
  const isOfCluster = kind === 'ClusterRole';
  const role = reader.get(
    { group: GROUP, plural: isOfCluster ? 'clusterroles' : 'roles' },
    isOfCluster ? '' : namespace,
    name,
  ) as ClusterRole | Role | undefined;
  if (role === undefined)
    lost.push(`${kind.toLowerCase()}.${GROUP} ${JSON.stringify(name)} not found`);
  return role?.rules ?? [];
}

/** The subject that names the user, in upstream's words, or undefined. */
function subjectText(
  subjects: readonly Subject[] | undefined,
  user: User,
  namespace: string,
): string | undefined {
  const subject = subjectOf(subjects, user, namespace);
  if (subject === undefined) return undefined;
  const { kind, name } = subject;
  const text = kind === 'ServiceAccount' ? `${name}/${subject.namespace ?? namespace}` : name;
  return `${kind} ${JSON.stringify(text)}`;
}
