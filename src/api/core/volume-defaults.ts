/** Defaults of volumes. Upstream: pkg/apis/core/v1/defaults.go and the defaults in its field tags. */
import type {
  DownwardAPIVolumeFile,
  PersistentVolumeSource,
  Volume,
  VolumeProjection,
} from '#api/gen/core-v1.ts';
import { imageIsLatest } from './images.ts';
import { defaultClaimSpec } from './persistent-volume-claim.ts';

const FILE_MODE = 0o644;
const TOKEN_SECONDS = 3600;

function defaultFiles(files: readonly DownwardAPIVolumeFile[] | undefined): void {
  for (const { fieldRef } of files ?? []) if (fieldRef !== undefined) fieldRef.apiVersion ||= 'v1';
}

function defaultProjection({ downwardAPI, serviceAccountToken }: VolumeProjection): void {
  defaultFiles(downwardAPI?.items);
  if (serviceAccountToken !== undefined) serviceAccountToken.expirationSeconds ??= TOKEN_SECONDS;
}

type Legacy = Pick<PersistentVolumeSource, 'rbd' | 'iscsi' | 'azureDisk' | 'scaleIO'>;

/** Sources that pods and persistent volumes have alike. */
export function defaultLegacyVolume({ rbd, iscsi, azureDisk, scaleIO }: Legacy): void {
  if (iscsi !== undefined) iscsi.iscsiInterface ||= 'default';
  if (rbd !== undefined) {
    rbd.pool ||= 'rbd';
    rbd.user ||= 'admin';
    rbd.keyring ||= '/etc/ceph/keyring';
  }
  if (azureDisk !== undefined) {
    azureDisk.cachingMode ??= 'ReadWrite';
    azureDisk.fsType ??= 'ext4';
    azureDisk.readOnly ??= false;
    azureDisk.kind ??= 'Shared';
  }
  if (scaleIO !== undefined) {
    scaleIO.storageMode ||= 'ThinProvisioned';
    scaleIO.fsType ||= 'xfs';
  }
}

/** Whether a volume names its source. */
function hasVolumeSource(volume: Volume): boolean {
  return Object.entries(volume).some(
    ([field, value]) => field !== 'name' && value !== undefined && value !== null,
  );
}

export function defaultVolume(volume: Volume): void {
  if (!hasVolumeSource(volume)) volume.emptyDir = {};
  if (volume.image !== undefined) {
    volume.image.pullPolicy ||= imageIsLatest(volume.image.reference ?? '')
      ? 'Always'
      : 'IfNotPresent';
  }
  if (volume.hostPath !== undefined) volume.hostPath.type ??= '';
  for (const source of [volume.secret, volume.configMap, volume.downwardAPI, volume.projected]) {
    if (source !== undefined) source.defaultMode ??= FILE_MODE;
  }
  defaultFiles(volume.downwardAPI?.items);
  (volume.projected?.sources ?? []).forEach(defaultProjection);
  const claim = volume.ephemeral?.volumeClaimTemplate;
  if (claim?.spec !== undefined) defaultClaimSpec(claim.spec);
  defaultLegacyVolume(volume as Legacy);
}
