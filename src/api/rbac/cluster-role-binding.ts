/** ClusterRoleBinding. Upstream: pkg/registry/rbac/clusterrolebinding/strategy.go. */
import type { ClusterRoleBinding } from '#api/gen/rbac-v1.ts';
import { defineKind } from '../kind.ts';
import { validateBindingUpdate, validateClusterRoleBinding } from '../validation/rbac.ts';
import { isPathSegmentName } from '../meta/names.ts';
import { BINDING_COLUMNS, defaultBinding } from './bindings.ts';

export const CLUSTER_ROLE_BINDING = defineKind<ClusterRoleBinding>({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'ClusterRoleBinding',
  plural: 'clusterrolebindings',
  namespaced: false,
  schema: 'io.k8s.api.rbac.v1.ClusterRoleBinding',
  countsGeneration: false,
  createOnUpdate: true,
  unconditionalUpdate: true,
  columns: BINDING_COLUMNS,
  validateName: isPathSegmentName,
  setDefaults: defaultBinding,
  validate: validateClusterRoleBinding,
  validateUpdate: validateBindingUpdate,
});
