/** StatefulSet. Upstream: pkg/registry/apps/statefulset/strategy.go, pkg/apis/apps/v1/defaults.go. */
import type { StatefulSet, StatefulSetSpec } from '#api/gen/apps-v1.ts';
import { defaultClaimSpec } from '../core/persistent-volume-claim.ts';
import { warnAboutClaimSpec } from '../core/volume-warnings.ts';
import { defaultPodTemplate } from '../core/pod-defaults.ts';
import { podGatedFields } from '../core/pod-gated-fields.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, NAME_COLUMN, templateColumns } from '../meta/columns.ts';
import {
  validateStatefulSet,
  validateStatefulSetCreate,
  validateStatefulSetStatus,
  validateStatefulSetUpdate,
} from '../validation/stateful-set.ts';
import { fieldPath } from '../meta/field.ts';
import { nameIsDnsLabel } from '../meta/names.ts';
import { isNewSpec, warnAboutTemplate } from '../validation/warnings.ts';
import { scaleOf } from './workloads.ts';

const HISTORY_LIMIT = 10;
const MAX_UNAVAILABLE = 'spec.updateStrategy.rollingUpdate.maxUnavailable';

function defaultStrategy(spec: StatefulSetSpec): void {
  spec.updateStrategy ??= {};
  if (!spec.updateStrategy.type) {
    spec.updateStrategy.type = 'RollingUpdate';
    spec.updateStrategy.rollingUpdate ??= {};
  }
  const { type, rollingUpdate } = spec.updateStrategy;
  if (type !== 'RollingUpdate' || rollingUpdate === undefined) return;
  rollingUpdate.partition ??= 0;
}

function defaultMaxUnavailable({ spec }: StatefulSet): void {
  const { type, rollingUpdate } = spec?.updateStrategy ?? {};
  if (type === 'RollingUpdate' && rollingUpdate !== undefined) rollingUpdate.maxUnavailable ??= 1;
}

function setDefaults({ spec }: StatefulSet): void {
  if (spec === undefined) return;
  spec.podManagementPolicy ||= 'OrderedReady';
  defaultStrategy(spec);
  spec.persistentVolumeClaimRetentionPolicy ??= {};
  spec.persistentVolumeClaimRetentionPolicy.whenDeleted ||= 'Retain';
  spec.persistentVolumeClaimRetentionPolicy.whenScaled ||= 'Retain';
  spec.replicas ??= 1;
  spec.revisionHistoryLimit ??= HISTORY_LIMIT;
  defaultPodTemplate(spec.template);
  for (const claim of spec.volumeClaimTemplates ?? []) {
    // Written out in full, whatever they say, as stored templates of older servers are.
    claim.apiVersion = 'v1';
    claim.kind = 'PersistentVolumeClaim';
    defaultClaimSpec((claim.spec ??= {}));
    claim.status ??= {};
    claim.status.phase ||= 'Pending';
  }
}

const KEEPS_ALL =
  'spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended';

function warnAboutStatefulSet(next: StatefulSet, old?: StatefulSet): string[] {
  const { template, volumeClaimTemplates, revisionHistoryLimit = 0 } = next.spec ?? {};
  const claims = fieldPath('spec').child('volumeClaimTemplates');
  return [
    ...(isNewSpec(next, old) ? warnAboutTemplate(template) : []),
    ...(volumeClaimTemplates ?? []).flatMap(({ spec }, i) =>
      // Upstream writes it so.
      warnAboutClaimSpec(spec, old === undefined ? claims.index(i) : claims.index(i).child('Spec')),
    ),
    ...(revisionHistoryLimit < 0 ? [KEEPS_ALL] : []),
  ];
}

export const STATEFUL_SET = defineKind<StatefulSet>({
  group: 'apps',
  version: 'v1',
  kind: 'StatefulSet',
  plural: 'statefulsets',
  shortNames: ['sts'],
  categories: ['all'],
  namespaced: true,
  schema: 'io.k8s.api.apps.v1.StatefulSet',
  gatedFields: [...podGatedFields('spec.template.spec'), MAX_UNAVAILABLE],
  openedByGate: {
    gate: 'MaxUnavailableStatefulSet',
    fields: [MAX_UNAVAILABLE],
    setDefaults: defaultMaxUnavailable,
  },
  hasStatus: true,
  countsGeneration: true,
  unconditionalUpdate: true,
  scale: scaleOf<StatefulSet>(),
  columns: [
    NAME_COLUMN,
    column('Ready', ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`),
    AGE_COLUMN,
    ...templateColumns<StatefulSet>(({ spec }) => spec?.template),
  ],
  setDefaults,
  prepareForCreate: (set) => {
    set.status = { replicas: 0, availableReplicas: 0 };
  },
  validateName: nameIsDnsLabel,
  validate: validateStatefulSet,
  validateCreate: validateStatefulSetCreate,
  validateUpdate: validateStatefulSetUpdate,
  validateStatus: validateStatefulSetStatus,
  warn: warnAboutStatefulSet,
});
