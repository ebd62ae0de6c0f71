/** ConfigMap. Upstream: pkg/registry/core/configmap, pkg/apis/core/v1/defaults.go. */
import type { ConfigMap } from '#api/gen/core-v1.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from '../meta/columns.ts';
import { validateConfigMap, validateConfigMapUpdate } from '../validation/config.ts';

export const CONFIG_MAP = defineKind<ConfigMap>({
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  shortNames: ['cm'],
  namespaced: true,
  schema: 'io.k8s.api.core.v1.ConfigMap',
  countsGeneration: false,
  unconditionalUpdate: true,
  columns: [
    NAME_COLUMN,
    column(
      'Data',
      ({ data, binaryData }) =>
        Object.keys(data ?? {}).length + Object.keys(binaryData ?? {}).length,
    ),
    AGE_COLUMN,
  ],
  validate: validateConfigMap,
  validateUpdate: validateConfigMapUpdate,
});
