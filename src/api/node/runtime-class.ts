/** RuntimeClass. Upstream: pkg/registry/node/runtimeclass/strategy.go. */
import type { RuntimeClass } from '#api/gen/node-v1.ts';
import { deprecatedLabel } from '../core/label-warnings.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from '../meta/columns.ts';
import { validateRuntimeClass, validateRuntimeClassUpdate } from '../validation/runtime-class.ts';

export const RUNTIME_CLASS = defineKind<RuntimeClass>({
  group: 'node.k8s.io',
  version: 'v1',
  kind: 'RuntimeClass',
  plural: 'runtimeclasses',
  namespaced: false,
  schema: 'io.k8s.api.node.v1.RuntimeClass',
  countsGeneration: false,
  createOnUpdate: true,
  columns: [NAME_COLUMN, column('Handler', (object) => object.handler ?? ''), AGE_COLUMN],
  validate: validateRuntimeClass,
  validateUpdate: validateRuntimeClassUpdate,
  warn: ({ scheduling }) =>
    Object.keys(scheduling?.nodeSelector ?? {}).flatMap((key) => {
      const message = deprecatedLabel(key);
      return message === undefined ? [] : [`scheduling.nodeSelector: ${message}`];
    }),
});
