/** PriorityLevelConfiguration. Upstream: pkg/apis/flowcontrol/v1/defaults.go for the defaults. */
import type { PriorityLevelConfiguration } from '#api/gen/flowcontrol-v1.ts';
import { defineKind } from '../kind.ts';
import { validatePriorityLevel } from '../validation/priority-level.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from '../meta/columns.ts';

const SHARES = 30;
const QUEUES = 64;
const HAND_SIZE = 8;
const QUEUE_LENGTH = 50;

function setDefaults({ spec }: PriorityLevelConfiguration): void {
  if (spec?.exempt !== undefined) {
    spec.exempt.nominalConcurrencyShares ??= 0;
    spec.exempt.lendablePercent ??= 0;
  }
  if (spec?.limited === undefined) return;
  spec.limited.nominalConcurrencyShares ??= SHARES;
  spec.limited.lendablePercent ??= 0;
  const queuing = spec.limited.limitResponse?.queuing;
  if (queuing === undefined) return;
  queuing.handSize ||= HAND_SIZE;
  queuing.queues ||= QUEUES;
  queuing.queueLengthLimit ||= QUEUE_LENGTH;
}

const queuingOf = ({ spec }: PriorityLevelConfiguration) => spec?.limited?.limitResponse?.queuing;

export const PRIORITY_LEVEL_CONFIGURATION = defineKind<PriorityLevelConfiguration>({
  group: 'flowcontrol.apiserver.k8s.io',
  version: 'v1',
  kind: 'PriorityLevelConfiguration',
  plural: 'prioritylevelconfigurations',
  namespaced: false,
  schema: 'io.k8s.api.flowcontrol.v1.PriorityLevelConfiguration',
  hasStatus: true,
  countsGeneration: true,
  unconditionalUpdate: true,
  columns: [
    NAME_COLUMN,
    column('Type', ({ spec }) => spec?.type ?? ''),
    column(
      'NominalConcurrencyShares',
      ({ spec }) => spec?.limited?.nominalConcurrencyShares ?? '<none>',
    ),
    column('Queues', (object) => queuingOf(object)?.queues ?? '<none>'),
    column('HandSize', (object) => queuingOf(object)?.handSize ?? '<none>'),
    column('QueueLengthLimit', (object) => queuingOf(object)?.queueLengthLimit ?? '<none>'),
    AGE_COLUMN,
  ],
  setDefaults,
  prepareForCreate: (object) => {
    object.status = {};
  },
  validate: validatePriorityLevel,
  validateStatus: validatePriorityLevel,
});
