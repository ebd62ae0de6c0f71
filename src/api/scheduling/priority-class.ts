/** PriorityClass. Upstream: pkg/registry/scheduling/priorityclass/strategy.go. */
import type { PriorityClass } from '#api/gen/scheduling-v1.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, integerColumn, NAME_COLUMN } from '../meta/columns.ts';
import {
  validatePriorityClass,
  validatePriorityClassUpdate,
} from '../validation/priority-class.ts';

export const PRIORITY_CLASS = defineKind<PriorityClass>({
  group: 'scheduling.k8s.io',
  version: 'v1',
  kind: 'PriorityClass',
  plural: 'priorityclasses',
  shortNames: ['pc'],
  namespaced: false,
  schema: 'io.k8s.api.scheduling.v1.PriorityClass',
  // The generation is 1 and stays so.
  countsGeneration: false,
  unconditionalUpdate: true,
  columns: [
    NAME_COLUMN,
    integerColumn('Value', (object) => object.value),
    { name: 'Global-Default', type: 'boolean', cell: (object) => object.globalDefault ?? false },
    AGE_COLUMN,
    column('PreemptionPolicy', (object) => object.preemptionPolicy ?? ''),
  ],
  setDefaults: (object) => {
    object.preemptionPolicy ??= 'PreemptLowerPriority';
  },
  prepareForCreate: (object) => {
    object.metadata = { ...object.metadata, generation: 1 };
  },
  validateCreate: validatePriorityClass,
  validateUpdate: validatePriorityClassUpdate,
});
