/**
 * Nobody grants rights that they do not hold: checks on roles and bindings.
 *
 * Upstream does this in the storage of the four kinds (pkg/registry/rbac/<kind>/policybased), when those
 * that change objects are done and before the object is validated; here it is the last of the plug-ins
 * that may change one, and changes nothing. `escalate` and `bind` are the verbs that lift it.
 */
import type { ClusterRole, PolicyRule, Role, RoleBinding } from '#api/gen/rbac-v1.ts';
import { type Eventual, whenThere } from '#base/eventual.ts';
import { equalValues } from '#api/meta/equal.ts';
import { forbidden, notFound, plainError } from '#api/meta/status.ts';
import { rulesFor } from '../../authz/rbac.ts';
import { missingRules, ruleText } from '../../authz/rule-cover.ts';
import { MASTERS_GROUP } from '../../context.ts';
import type { AdmissionPlugin, Attributes } from '../admission.ts';
import type { AdmissionServices } from '../services.ts';
import { CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, isFor, ROLE_BINDINGS, ROLES } from '../targets.ts';

const GROUP = 'rbac.authorization.k8s.io';
const FULL_AUTHORITY: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];

export function rbacEscalation(services: AdmissionServices): AdmissionPlugin {
  return {
    name: 'RBACEscalation',
    admit(attributes) {
      const { operation, user, object, kind } = attributes;
      if (kind.group !== GROUP || object === undefined || user.groups.includes(MASTERS_GROUP))
        return undefined;
      if (operation !== 'CREATE' && operation !== 'UPDATE') return undefined;
      if (onlyCollectorFieldsChange(attributes)) return undefined;
      if (isFor(attributes, CLUSTER_ROLES) || isFor(attributes, ROLES))
        return whenThere(mayEscalate(attributes, services), (may) => {
          if (!may) checkRules(attributes, services);
        });
      return isFor(attributes, CLUSTER_ROLE_BINDINGS) || isFor(attributes, ROLE_BINDINGS)
        ? checkBinding(attributes, services)
        : undefined;
    },
  };
}

/** The garbage collector may take away owners and finalizers of what it could not grant. */
function onlyCollectorFieldsChange({ object, old }: Attributes): boolean {
  if (object === undefined || old === undefined) return false;
  const strip = (value: typeof object): object => {
    const {
      ownerReferences: _o,
      finalizers: _f,
      managedFields: _m,
      selfLink: _s,
      resourceVersion: _r,
      ...metadata
    } = value.metadata ?? {};
    return { ...value, metadata };
  };
  return equalValues(strip(object), strip(old));
}

/** Of a Role, which aggregates nothing, or of a ClusterRole. */
function checkRules(attributes: Attributes, services: AdmissionServices): void {
  const next = attributes.object as ClusterRole | Role | undefined;
  refuseMissing(attributes, services, next?.rules ?? []);
  if (isFor(attributes, CLUSTER_ROLES)) checkAggregation(attributes, services);
}

function checkAggregation(attributes: Attributes, services: AdmissionServices): void {
  const next = attributes.object as ClusterRole | undefined;
  const aggregates = [next, attributes.old as ClusterRole | undefined].some(
    (role) => (role?.aggregationRule?.clusterRoleSelectors ?? []).length > 0,
  );
  if (aggregates && missingRules(heldRules(attributes, services), FULL_AUTHORITY).length > 0) {
    throw refusalOf(attributes, 'must have cluster-admin privileges to use the aggregationRule');
  }
}

function checkBinding(attributes: Attributes, services: AdmissionServices): Eventual<void> {
  const roleRef = (attributes.object as RoleBinding | undefined)?.roleRef;
  if (roleRef?.kind !== 'Role' && roleRef?.kind !== 'ClusterRole')
    throw plainError(`unsupported role reference kind: ${JSON.stringify(roleRef?.kind ?? '')}`);
  const namespace = isFor(attributes, ROLE_BINDINGS) ? attributes.namespace : '';
  const target = roleRef.kind === 'Role' ? ROLES : CLUSTER_ROLES;
  const asked = {
    user: attributes.user,
    verb: 'bind',
    path: '',
    isResourceRequest: true,
    group: roleRef.apiGroup,
    version: '*',
    resource: target.plural,
    subresource: '',
    namespace,
    name: roleRef.name,
  };
  return whenThere(services.authorize(asked), ({ outcome }) => {
    if (outcome === 'allow') return;
    const role = services.reader.get(target, target === ROLES ? namespace : '', roleRef.name) as
      | Role
      | undefined;
    // As if it were the binding that is not there: upstream reads within the same request.
    if (role === undefined)
      throw notFound({ group: GROUP, resource: attributes.kind.plural }, roleRef.name);
    refuseMissing(attributes, services, role.rules ?? []);
  });
}

function mayEscalate(attributes: Attributes, { authorize }: AdmissionServices): Eventual<boolean> {
  const { user, kind, namespace, name, nameInUrl } = attributes;
  const asked = {
    user,
    verb: 'escalate',
    path: '',
    isResourceRequest: true,
    group: kind.group,
    version: '*',
    resource: kind.plural,
    subresource: '',
    namespace,
    // A POST names nothing, whatever its object is called.
    name: nameInUrl ?? name,
  };
  return whenThere(authorize(asked), ({ outcome }) => outcome === 'allow');
}

function heldRules({ user, namespace }: Attributes, { reader }: AdmissionServices): PolicyRule[] {
  return Array.from(rulesFor(reader, user, namespace), ({ rule }) => rule);
}

function refuseMissing(
  attributes: Attributes,
  services: AdmissionServices,
  wanted: readonly PolicyRule[],
): void {
  const missing = missingRules(heldRules(attributes, services), wanted);
  if (missing.length === 0) return;
  const { user } = attributes;
  const groups = user.groups.map((group) => JSON.stringify(group)).join(' ');
  const lines = [...new Set(missing.map(ruleText))].toSorted();
  throw refusalOf(
    attributes,
    `user ${JSON.stringify(user.name)} (groups=[${groups}]) is attempting to grant RBAC permissions not currently held:\n${lines.join('\n')}`,
  );
}

function refusalOf({ kind, object }: Attributes, message: string): Error {
  return forbidden(
    { group: kind.group, resource: kind.plural },
    object?.metadata?.name ?? '',
    message,
  );
}
