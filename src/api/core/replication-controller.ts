/** ReplicationController. Upstream: pkg/registry/core/replicationcontroller/strategy.go. */
import type { ReplicationController } from '#api/gen/core-v1.ts';
import { podGatedFields } from './pod-gated-fields.ts';
import { defineKind } from '../kind.ts';
import {
  AGE_COLUMN,
  formatLabels,
  integerColumn,
  NAME_COLUMN,
  templateColumns,
  wideColumn,
} from '../meta/columns.ts';
import { subdomainInBytes } from '../meta/names.ts';
import {
  validateReplicationController,
  validateReplicationControllerStatus,
} from '../validation/replica-set.ts';
import { isNewSpec, warnAboutName, warnAboutTemplate } from '../validation/warnings.ts';
import { defaultPodTemplate, labelLikePods } from './pod-defaults.ts';

function setDefaults(controller: ReplicationController): void {
  controller.spec ??= {};
  controller.spec.replicas ??= 1;
  const labels = controller.spec.template?.metadata?.labels;
  if (labels !== undefined && Object.keys(controller.spec.selector ?? {}).length === 0)
    controller.spec.selector = { ...labels };
  labelLikePods(controller);
  defaultPodTemplate(controller.spec.template);
}

/** A map of labels as a selector string. */
function mapSelector(labels: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(labels ?? {})
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}

export const REPLICATION_CONTROLLER = defineKind<ReplicationController>({
  group: '',
  version: 'v1',
  kind: 'ReplicationController',
  plural: 'replicationcontrollers',
  shortNames: ['rc'],
  categories: ['all'],
  namespaced: true,
  schema: 'io.k8s.api.core.v1.ReplicationController',
  gatedFields: podGatedFields('spec.template.spec'),
  storagePrefix: 'controllers',
  hasStatus: true,
  prepareForStatusUpdate: labelLikePods,
  countsGeneration: true,
  unconditionalUpdate: true,
  defaultPropagation: 'Orphan',
  selectableFields: { 'status.replicas': (controller) => String(controller.status?.replicas ?? 0) },
  scale: {
    replicasPaths: new Map([['v1', ['spec', 'replicas']]]),
    get: ({ spec, status }) => ({
      replicas: spec?.replicas ?? 0,
      statusReplicas: status?.replicas ?? 0,
      selector: mapSelector(spec?.selector),
    }),
    set: (controller, replicas) => {
      controller.spec = { ...controller.spec, replicas };
    },
  },
  columns: [
    NAME_COLUMN,
    integerColumn('Desired', (controller) => controller.spec?.replicas),
    integerColumn('Current', (controller) => controller.status?.replicas),
    integerColumn('Ready', (controller) => controller.status?.readyReplicas),
    AGE_COLUMN,
    ...templateColumns<ReplicationController>((controller) => controller.spec?.template),
    wideColumn('Selector', (controller) => formatLabels(controller.spec?.selector)),
  ],
  setDefaults,
  prepareForCreate: (controller) => {
    controller.status = { replicas: 0 };
  },
  // Upstream's rule for its names looks at whole names alone.
  validateName: (name, prefix) => (prefix ? [] : subdomainInBytes(name)),
  validate: validateReplicationController,
  validateStatus: validateReplicationControllerStatus,
  warn: (next, old) => [
    ...(old === undefined ? warnAboutName(next) : []),
    // Upstream looks at the template that was.
    ...(isNewSpec(next, old) ? warnAboutTemplate((old ?? next).spec?.template) : []),
  ],
});
