/** Role. Upstream: pkg/registry/rbac/role/strategy.go. */
import type { Role } from '#api/gen/rbac-v1.ts';
import { defineKind } from '../kind.ts';
import { DEFAULT_COLUMNS } from '../meta/columns.ts';
import { validateRole } from '../validation/rbac.ts';
import { isPathSegmentName } from '../meta/names.ts';

export const ROLE = defineKind<Role>({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'Role',
  plural: 'roles',
  namespaced: true,
  schema: 'io.k8s.api.rbac.v1.Role',
  countsGeneration: false,
  createOnUpdate: true,
  unconditionalUpdate: true,
  columns: DEFAULT_COLUMNS,
  validateName: isPathSegmentName,
  validate: validateRole,
});
