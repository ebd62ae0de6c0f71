/** What RoleBinding and ClusterRoleBinding share: defaults and columns. */
import type { ClusterRoleBinding, RoleBinding } from '#api/gen/rbac-v1.ts';
import type { Column } from '../kind.ts';
import { AGE_COLUMN, column, NAME_COLUMN, wideColumn } from '../meta/columns.ts';

const GROUP = 'rbac.authorization.k8s.io';
type AnyBinding = RoleBinding | ClusterRoleBinding;

/** Roles, users and groups are of the RBAC group unless said otherwise. */
export function defaultBinding(binding: AnyBinding): void {
  if (binding.roleRef !== undefined) binding.roleRef.apiGroup ||= GROUP;
  for (const subject of binding.subjects ?? []) {
    if (!subject.apiGroup && (subject.kind === 'User' || subject.kind === 'Group'))
      subject.apiGroup = GROUP;
  }
}

function names({ subjects }: AnyBinding, kind: string): string {
  return (subjects ?? [])
    .filter((subject) => subject.kind === kind)
    .map(({ name, namespace }) => (kind === 'ServiceAccount' ? `${namespace ?? ''}/${name}` : name))
    .join(', ');
}

export const BINDING_COLUMNS: readonly Column<AnyBinding>[] = [
  NAME_COLUMN,
  column('Role', ({ roleRef }) => `${roleRef?.kind ?? ''}/${roleRef?.name ?? ''}`),
  AGE_COLUMN,
  wideColumn('Users', (binding) => names(binding, 'User')),
  wideColumn('Groups', (binding) => names(binding, 'Group')),
  wideColumn('ServiceAccounts', (binding) => names(binding, 'ServiceAccount')),
];
