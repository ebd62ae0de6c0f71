/** RoleBinding. Upstream: pkg/registry/rbac/rolebinding/strategy.go. */
import type { RoleBinding } from '#api/gen/rbac-v1.ts';
import { defineKind } from '../kind.ts';
import { validateBindingUpdate, validateRoleBinding } from '../validation/rbac.ts';
import { isPathSegmentName } from '../meta/names.ts';
import { BINDING_COLUMNS, defaultBinding } from './bindings.ts';

export const ROLE_BINDING = defineKind<RoleBinding>({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'RoleBinding',
  plural: 'rolebindings',
  namespaced: true,
  schema: 'io.k8s.api.rbac.v1.RoleBinding',
  countsGeneration: false,
  createOnUpdate: true,
  unconditionalUpdate: true,
  columns: BINDING_COLUMNS,
  validateName: isPathSegmentName,
  setDefaults: defaultBinding,
  validate: validateRoleBinding,
  validateUpdate: validateBindingUpdate,
});
