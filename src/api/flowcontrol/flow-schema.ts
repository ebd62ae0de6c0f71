/** FlowSchema. Upstream: pkg/registry/flowcontrol/flowschema, pkg/apis/flowcontrol/v1/defaults.go. */
import type { FlowSchema } from '#api/gen/flowcontrol-v1.ts';
import { defineKind } from '../kind.ts';
import { validateFlowSchema } from '../validation/flow-schema.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from '../meta/columns.ts';

const DEFAULT_PRECEDENCE = 1000;

/** As requests are matched. */
function byPrecedence(left: FlowSchema, right: FlowSchema): number {
  const order = (left.spec?.matchingPrecedence ?? 0) - (right.spec?.matchingPrecedence ?? 0);
  if (order !== 0) return order;
  return (left.metadata?.name ?? '') < (right.metadata?.name ?? '') ? -1 : 1;
}

export const FLOW_SCHEMA = defineKind<FlowSchema>({
  group: 'flowcontrol.apiserver.k8s.io',
  version: 'v1',
  kind: 'FlowSchema',
  plural: 'flowschemas',
  namespaced: false,
  schema: 'io.k8s.api.flowcontrol.v1.FlowSchema',
  hasStatus: true,
  countsGeneration: true,
  unconditionalUpdate: true,
  tableOrder: byPrecedence,
  columns: [
    NAME_COLUMN,
    column('PriorityLevel', ({ spec }) => spec?.priorityLevelConfiguration?.name ?? ''),
    column('MatchingPrecedence', ({ spec }) => spec?.matchingPrecedence ?? 0),
    column('DistinguisherMethod', ({ spec }) => spec?.distinguisherMethod?.type ?? '<none>'),
    AGE_COLUMN,
    column(
      'MissingPL',
      ({ status }) => status?.conditions?.find(({ type }) => type === 'Dangling')?.status ?? '?',
    ),
  ],
  setDefaults: ({ spec }) => {
    if (spec !== undefined) spec.matchingPrecedence ||= DEFAULT_PRECEDENCE;
  },
  prepareForCreate: (schema) => {
    schema.status = {};
  },
  validate: validateFlowSchema,
  validateStatus: validateFlowSchema,
});
