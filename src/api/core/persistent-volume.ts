/** PersistentVolume. Upstream: pkg/registry/core/persistentvolume/strategy.go. */
import type { PersistentVolume } from '#api/gen/core-v1.ts';
import { defineKind, type WriteContext } from '../kind.ts';
import { AGE_COLUMN, column, NAME_COLUMN, wideColumn } from '../meta/columns.ts';
import { timeText } from '../meta/time.ts';
import {
  validatePersistentVolume,
  validatePersistentVolumeUpdate,
} from '../validation/persistent-volume.ts';
import { defaultLegacyVolume } from './volume-defaults.ts';
import { accessModesText, storageClassOf } from './volume-claims.ts';
import { warnAboutVolume } from './volume-warnings.ts';

function setDefaults(volume: PersistentVolume): void {
  volume.spec ??= {};
  volume.spec.persistentVolumeReclaimPolicy ||= 'Retain';
  volume.spec.volumeMode ??= 'Filesystem';
  volume.status ??= {};
  volume.status.phase ||= 'Pending';
  if (volume.spec.hostPath !== undefined) volume.spec.hostPath.type ??= '';
  defaultLegacyVolume(volume.spec);
}

function markPhaseChange(
  next: PersistentVolume,
  old: PersistentVolume,
  context: WriteContext,
): void {
  const status = (next.status ??= {});
  const before = old.status?.lastPhaseTransitionTime;
  if (status.phase === old.status?.phase) {
    if (status.lastPhaseTransitionTime === undefined && before !== undefined) {
      status.lastPhaseTransitionTime = before;
    }
  } else if (
    status.lastPhaseTransitionTime === undefined ||
    status.lastPhaseTransitionTime === before
  ) {
    status.lastPhaseTransitionTime = timeText(context.nowMs);
  }
}

export const PERSISTENT_VOLUME = defineKind<PersistentVolume>({
  group: '',
  version: 'v1',
  kind: 'PersistentVolume',
  plural: 'persistentvolumes',
  shortNames: ['pv'],
  namespaced: false,
  schema: 'io.k8s.api.core.v1.PersistentVolume',
  hasStatus: true,
  countsGeneration: false,
  unconditionalUpdate: true,
  returnsDeletedObject: true,
  columns: [
    NAME_COLUMN,
    column('Capacity', (volume) => volume.spec?.capacity?.['storage'] ?? '0'),
    column('Access Modes', (volume) => accessModesText(volume.spec?.accessModes)),
    column('Reclaim Policy', (volume) => volume.spec?.persistentVolumeReclaimPolicy ?? ''),
    column('Status', (volume) =>
      volume.metadata?.deletionTimestamp === undefined
        ? (volume.status?.phase ?? '')
        : 'Terminating',
    ),
    column('Claim', ({ spec }) =>
      spec?.claimRef === undefined
        ? ''
        : `${spec.claimRef.namespace ?? ''}/${spec.claimRef.name ?? ''}`,
    ),
    column('StorageClass', storageClassOf),
    column(
      'VolumeAttributesClass',
      (volume) => volume.spec?.volumeAttributesClassName ?? '<unset>',
    ),
    column('Reason', (volume) => volume.status?.reason ?? ''),
    AGE_COLUMN,
    wideColumn('VolumeMode', (volume) => volume.spec?.volumeMode ?? '<unset>'),
  ],
  setDefaults,
  prepareForCreate: (volume, context) => {
    volume.status = { phase: 'Pending', lastPhaseTransitionTime: timeText(context.nowMs) };
  },
  prepareForStatusUpdate: markPhaseChange,
  validate: validatePersistentVolume,
  validateUpdate: validatePersistentVolumeUpdate,
  warn: warnAboutVolume,
});
