/** ReplicaSet. Upstream: pkg/registry/apps/replicaset/strategy.go, pkg/apis/apps/v1/defaults.go. */
import type { ReplicaSet } from '#api/gen/apps-v1.ts';
import { defaultPodTemplate } from '../core/pod-defaults.ts';
import { podGatedFields } from '../core/pod-gated-fields.ts';
import { defineKind } from '../kind.ts';
import {
  AGE_COLUMN,
  formatLabelSelector,
  integerColumn,
  NAME_COLUMN,
  templateColumns,
  wideColumn,
} from '../meta/columns.ts';
import { validateReplicaSet, validateReplicaSetStatus } from '../validation/replica-set.ts';
import { validateSameSelector } from '../validation/workloads.ts';
import { scaleOf, warnAboutWorkload } from './workloads.ts';

export const REPLICA_SET = defineKind<ReplicaSet>({
  group: 'apps',
  version: 'v1',
  kind: 'ReplicaSet',
  plural: 'replicasets',
  shortNames: ['rs'],
  categories: ['all'],
  namespaced: true,
  schema: 'io.k8s.api.apps.v1.ReplicaSet',
  gatedFields: podGatedFields('spec.template.spec'),
  hasStatus: true,
  countsGeneration: true,
  unconditionalUpdate: true,
  scale: scaleOf<ReplicaSet>(),
  columns: [
    NAME_COLUMN,
    integerColumn('Desired', ({ spec }) => spec?.replicas),
    integerColumn('Current', ({ status }) => status?.replicas),
    integerColumn('Ready', ({ status }) => status?.readyReplicas),
    AGE_COLUMN,
    ...templateColumns<ReplicaSet>(({ spec }) => spec?.template),
    wideColumn('Selector', ({ spec }) => formatLabelSelector(spec?.selector)),
  ],
  setDefaults: (set) => {
    set.spec ??= {};
    set.spec.replicas ??= 1;
    defaultPodTemplate(set.spec.template);
  },
  prepareForCreate: (set) => {
    set.status = { replicas: 0 };
  },
  validate: validateReplicaSet,
  validateUpdate: validateSameSelector,
  validateStatus: validateReplicaSetStatus,
  warn: warnAboutWorkload,
});
