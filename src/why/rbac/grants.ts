/** What a cluster's bindings grant: each with its role, as one list. */
import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  Subject,
} from '#api/gen/rbac-v1.ts';

export interface RbacObjects {
  readonly clusterRoles: readonly ClusterRole[];
  readonly clusterRoleBindings: readonly ClusterRoleBinding[];
  readonly roles: readonly Role[];
  readonly roleBindings: readonly RoleBinding[];
}

export interface Grant {
  /** `ClusterRoleBinding admins`, `RoleBinding shop/readers` */
  readonly binding: string;
  /** `ClusterRole admin`, `Role shop/reader` */
  readonly role: string;
  /** Where it counts; empty: everywhere. */
  readonly namespace: string;
  readonly subjects: readonly Subject[];
  /** Undefined: there is no such role. */
  readonly rules: readonly PolicyRule[] | undefined;
}

/** Those of the cluster first, in order of their names. */
export function grantsOf(objects: RbacObjects): Grant[] {
  const clusterRoles = new Map(
    objects.clusterRoles.map(({ metadata, rules }) => [metadata?.name, rules ?? []]),
  );
  const roles = new Map(
    objects.roles.map(({ metadata, rules }) => [`${metadata?.namespace}/${metadata?.name}`, rules]),
  );
  const everywhere = objects.clusterRoleBindings.map(
    ({ metadata, roleRef, subjects = [] }): Grant => ({
      binding: `ClusterRoleBinding ${metadata?.name}`,
      role: `ClusterRole ${roleRef.name}`,
      namespace: '',
      subjects,
      rules: clusterRoles.get(roleRef.name),
    }),
  );
  const somewhere = objects.roleBindings.map(({ metadata, roleRef, subjects = [] }): Grant => {
    const namespace = metadata?.namespace ?? '';
    const isOfCluster = roleRef.kind === 'ClusterRole';
    const name = isOfCluster ? roleRef.name : `${namespace}/${roleRef.name}`;
    return {
      binding: `RoleBinding ${namespace}/${metadata?.name}`,
      role: `${roleRef.kind} ${name}`,
      namespace,
      subjects,
      rules: isOfCluster ? clusterRoles.get(name) : roles.get(name),
    };
  });
  const byName = (a: Grant, b: Grant): number => (a.binding < b.binding ? -1 : 1);
  return [...everywhere.toSorted(byName), ...somewhere.toSorted(byName)];
}

/** `User jane`, `ServiceAccount shop/web`. `namespace`: of the binding, or empty. */
export function subjectName({ kind, name, namespace }: Subject, bindingNamespace: string): string {
  return kind === 'ServiceAccount'
    ? `${kind} ${namespace ?? bindingNamespace}/${name}`
    : `${kind} ${name}`;
}
