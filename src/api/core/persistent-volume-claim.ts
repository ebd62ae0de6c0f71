/** PersistentVolumeClaim. Upstream: pkg/registry/core/persistentvolumeclaim/strategy.go. */
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '#api/gen/core-v1.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, NAME_COLUMN, wideColumn } from '../meta/columns.ts';
import {
  validatePersistentVolumeClaimCreate,
  validatePersistentVolumeClaimStatus,
  validatePersistentVolumeClaimUpdate,
} from '../validation/persistent-volume-claim.ts';
import { accessModesText, storageClassOf } from './volume-claims.ts';
import { warnAboutClaim } from './volume-warnings.ts';

/** The defaults of a claim's spec, in claims and in claim templates. */
export function defaultClaimSpec(spec: PersistentVolumeClaimSpec): void {
  spec.volumeMode ??= 'Filesystem';
}

/** `dataSource` and `dataSourceRef` say the same while the source is in the claim's namespace. */
function normalizeDataSources(spec: PersistentVolumeClaimSpec): void {
  const { dataSource, dataSourceRef } = spec;
  if (dataSource !== undefined && dataSourceRef === undefined) {
    spec.dataSourceRef = { ...dataSource };
  } else if (dataSourceRef !== undefined && dataSource === undefined && !dataSourceRef.namespace) {
    const { namespace: _namespace, ...reference } = dataSourceRef;
    spec.dataSource = reference;
  }
}

/** References to other namespaces are off; of old sources only claims and snapshots are kept. */
function dropSources(spec: PersistentVolumeClaimSpec, old?: PersistentVolumeClaimSpec): void {
  if (spec.dataSourceRef?.namespace && old?.dataSourceRef === undefined) delete spec.dataSourceRef;
  const isUsed = old?.dataSource !== undefined || old?.dataSourceRef !== undefined;
  if (isUsed || spec.dataSourceRef !== undefined) return;
  const { kind, apiGroup = '' } = spec.dataSource ?? {};
  const isClaim = kind === 'PersistentVolumeClaim' && apiGroup === '';
  const isSnapshot = kind === 'VolumeSnapshot' && apiGroup === 'snapshot.storage.k8s.io';
  if (!isClaim && !isSnapshot) delete spec.dataSource;
}

const isBound = (claim: PersistentVolumeClaim): boolean => (claim.spec?.volumeName ?? '') !== '';

export const PERSISTENT_VOLUME_CLAIM = defineKind<PersistentVolumeClaim>({
  group: '',
  version: 'v1',
  kind: 'PersistentVolumeClaim',
  plural: 'persistentvolumeclaims',
  shortNames: ['pvc'],
  namespaced: true,
  schema: 'io.k8s.api.core.v1.PersistentVolumeClaim',
  hasStatus: true,
  countsGeneration: false,
  unconditionalUpdate: true,
  returnsDeletedObject: true,
  columns: [
    NAME_COLUMN,
    column('Status', (claim) =>
      claim.metadata?.deletionTimestamp === undefined ? (claim.status?.phase ?? '') : 'Terminating',
    ),
    column('Volume', (claim) => claim.spec?.volumeName ?? ''),
    column('Capacity', (claim) =>
      isBound(claim) ? (claim.status?.capacity?.['storage'] ?? '0') : '',
    ),
    column('Access Modes', (claim) =>
      isBound(claim) ? accessModesText(claim.status?.accessModes) : '',
    ),
    column('StorageClass', storageClassOf),
    column('VolumeAttributesClass', (claim) => claim.spec?.volumeAttributesClassName ?? '<unset>'),
    AGE_COLUMN,
    wideColumn('VolumeMode', (claim) => claim.spec?.volumeMode ?? '<unset>'),
  ],
  setDefaults: (claim) => {
    defaultClaimSpec((claim.spec ??= {}));
    claim.status ??= {};
    claim.status.phase ||= 'Pending';
  },
  prepareForCreate: (claim) => {
    claim.status = { phase: 'Pending' };
    const spec = (claim.spec ??= {});
    dropSources(spec);
    normalizeDataSources(spec);
  },
  prepareForUpdate: (next, old) => {
    const spec = (next.spec ??= {});
    dropSources(spec, old.spec);
    normalizeDataSources(spec);
  },
  validateCreate: validatePersistentVolumeClaimCreate,
  validateUpdate: validatePersistentVolumeClaimUpdate,
  validateStatus: validatePersistentVolumeClaimStatus,
  warn: warnAboutClaim,
});
