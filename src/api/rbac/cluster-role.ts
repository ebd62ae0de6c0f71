/** ClusterRole. Upstream: pkg/registry/rbac/clusterrole/strategy.go. */
import type { ClusterRole } from '#api/gen/rbac-v1.ts';
import { defineKind } from '../kind.ts';
import { DEFAULT_COLUMNS } from '../meta/columns.ts';
import { validateClusterRole } from '../validation/rbac.ts';
import { isPathSegmentName } from '../meta/names.ts';

export const CLUSTER_ROLE = defineKind<ClusterRole>({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'ClusterRole',
  plural: 'clusterroles',
  namespaced: false,
  schema: 'io.k8s.api.rbac.v1.ClusterRole',
  countsGeneration: false,
  createOnUpdate: true,
  unconditionalUpdate: true,
  columns: DEFAULT_COLUMNS,
  validateName: isPathSegmentName,
  validate: validateClusterRole,
});
