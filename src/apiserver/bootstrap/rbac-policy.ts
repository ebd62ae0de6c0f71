/**
 * The RBAC objects that every cluster has, as objects: the tables of `rbac/` written out.
 *
 * Source: Kubernetes documentation, "Default roles and role bindings"; upstream
 * plugin/pkg/auth/authorizer/rbac/bootstrappolicy.
 */
import type { FeatureGates } from '#api/features/feature-gates.ts';
import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  Subject,
} from '#api/gen/rbac-v1.ts';
import type { ObjectMeta } from '#api/meta/object.ts';
import { aggregatedRules } from '#api/rbac/aggregation.ts';
import { CLUSTER_BINDINGS, NAMESPACE_BINDINGS } from './rbac/bindings.ts';
import { COMPONENT_ROLES } from './rbac/component-roles.ts';
import { CONTROLLER_ROLES } from './rbac/controller-roles.ts';
import { type GatedPolicy, gatedPolicies, gatedRules } from './rbac/gated-policy.ts';
import { NAMESPACE_ROLES } from './rbac/namespace-roles.ts';
import { parseRules } from './rbac/rule-text.ts';
import { AGGREGATED_ROLES, AGGREGATION_PARTS, USER_ROLES } from './rbac/user-roles.ts';

const GROUP = 'rbac.authorization.k8s.io';
const API_VERSION = `${GROUP}/v1`;
const CONTROLLER_PREFIX = 'system:controller:';
export const AUTO_UPDATE = 'rbac.authorization.kubernetes.io/autoupdate';

export interface RbacPolicy {
  readonly clusterRoles: readonly ClusterRole[];
  readonly clusterRoleBindings: readonly ClusterRoleBinding[];
  readonly roles: readonly Role[];
  readonly roleBindings: readonly RoleBinding[];
}

export function rbacPolicy(gates: FeatureGates): RbacPolicy {
  const gated = gatedPolicies(gates);
  const ofControllers = together(
    CONTROLLER_ROLES,
    gated.map(({ controllerRoles }) => controllerRoles),
  );
  const bindings = together(
    CLUSTER_BINDINGS,
    gated.map(({ bindings: added }) => added),
  );
  return {
    clusterRoles: clusterRoles(ofControllers, gated),
    clusterRoleBindings: [
      ...Object.entries(bindings).map(([name, subjects]) => clusterBinding(name, subjects)),
      ...Object.keys(ofControllers).map((name) =>
        clusterBinding(CONTROLLER_PREFIX + name, [`ServiceAccount kube-system/${name}`]),
      ),
    ],
    roles: Object.entries(NAMESPACE_ROLES).map(([key, text]) => {
      const [namespace = '', name = ''] = key.split(' ');
      return {
        apiVersion: API_VERSION,
        kind: 'Role',
        metadata: meta(name, { namespace }),
        rules: parseRules(text),
      };
    }),
    roleBindings: NAMESPACE_BINDINGS.map(({ namespace, name, role = name, subjects }) => ({
      apiVersion: API_VERSION,
      kind: 'RoleBinding',
      metadata: meta(name, { namespace }),
      roleRef: { apiGroup: GROUP, kind: 'Role', name: role },
      subjects: subjects.map(subjectOf),
    })),
  };
}

/** What is always there, and what gates add. */
function together<T>(
  always: Readonly<Record<string, T>>,
  added: readonly (Readonly<Record<string, T>> | undefined)[],
): Record<string, T> {
  return Object.assign({}, always, ...added);
}

function clusterRoles(
  ofControllers: Readonly<Record<string, string>>,
  gated: readonly GatedPolicy[],
): ClusterRole[] {
  const named = together(
    { ...USER_ROLES, ...COMPONENT_ROLES },
    gated.map(({ roles }) => roles),
  );
  const plain = [
    ...Object.entries(named).map(([name, text]) => {
      const rules = [...parseRules(text), ...gatedRules(gated, name)];
      return clusterRole(name, rules, AGGREGATION_PARTS[name]);
    }),
    ...Object.entries(ofControllers).map(([name, text]) =>
      clusterRole(CONTROLLER_PREFIX + name, parseRules(text)),
    ),
  ];
  const gathering = AGGREGATED_ROLES.map(({ name, gathers, aggregatesTo }) => ({
    ...clusterRole(name, [], aggregatesTo),
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: aggregationLabel(gathers) }] },
  }));
  return fillAggregated([...plain, ...gathering]);
}

/** Gives the aggregated roles their rules; a role that gathers gathering ones comes right later. */
function fillAggregated(roles: readonly ClusterRole[]): ClusterRole[] {
  let filled = [...roles];
  for (let round = 0; round < AGGREGATED_ROLES.length; round++) {
    const known = filled;
    filled = known.map((role) =>
      role.aggregationRule === undefined ? role : { ...role, rules: aggregatedRules(role, known) },
    );
  }
  return filled;
}

function aggregationLabel(role: string): Record<string, string> {
  return { [`${GROUP}/aggregate-to-${role}`]: 'true' };
}

function clusterRole(name: string, rules: PolicyRule[], aggregatesTo?: string): ClusterRole {
  const labels = aggregatesTo === undefined ? {} : aggregationLabel(aggregatesTo);
  return { apiVersion: API_VERSION, kind: 'ClusterRole', metadata: meta(name, { labels }), rules };
}

function clusterBinding(role: string, subjects: readonly string[]): ClusterRoleBinding {
  return {
    apiVersion: API_VERSION,
    kind: 'ClusterRoleBinding',
    metadata: meta(role),
    roleRef: { apiGroup: GROUP, kind: 'ClusterRole', name: role },
    ...(subjects.length === 0 ? {} : { subjects: subjects.map(subjectOf) }),
  };
}

function subjectOf(text: string): Subject {
  const [kind = '', name = ''] = text.split(' ');
  if (kind !== 'ServiceAccount') return { kind, apiGroup: GROUP, name };
  const [namespace = '', account = ''] = name.split('/');
  return { kind, name: account, namespace };
}

function meta(
  name: string,
  more: { namespace?: string; labels?: Record<string, string> } = {},
): ObjectMeta {
  return {
    name,
    ...(more.namespace === undefined ? {} : { namespace: more.namespace }),
    labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults', ...more.labels },
    annotations: { [AUTO_UPDATE]: 'true' },
  };
}
