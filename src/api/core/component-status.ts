/**
 * ComponentStatus: what the API server finds when it asks the store for its health. Read only, and
 * nothing is stored. Deprecated upstream since v1.19, but served.
 */
import type { ComponentStatus } from '#api/gen/core-v1.ts';
import { defineKind } from '../kind.ts';
import { column, NAME_COLUMN } from '../meta/columns.ts';

const healthy = (object: ComponentStatus) =>
  object.conditions?.find((condition) => condition.type === 'Healthy');

function statusOf(object: ComponentStatus): string {
  const condition = healthy(object);
  if (condition === undefined) return 'Unknown';
  return condition.status === 'True' ? 'Healthy' : 'Unhealthy';
}

export const COMPONENT_STATUS = defineKind<ComponentStatus>({
  group: '',
  version: 'v1',
  kind: 'ComponentStatus',
  plural: 'componentstatuses',
  shortNames: ['cs'],
  namespaced: false,
  verbs: ['get', 'list'],
  schema: 'io.k8s.api.core.v1.ComponentStatus',
  countsGeneration: false,
  deprecation: 'v1 ComponentStatus is deprecated in v1.19+',
  columns: [
    NAME_COLUMN,
    column('Status', statusOf),
    column('Message', (object) => healthy(object)?.message ?? ''),
    column('Error', (object) => healthy(object)?.error ?? ''),
  ],
});
