/**
 * The volumes of a Pod that have to be attached to its node: those of CSI drivers that attach.
 *
 * Upstream: ProcessPodVolumes in pkg/controller/volume/attachdetach/util/util.go and CanAttach in
 * pkg/volume/csi/csi_plugin.go, v1.36. Volumes of drivers that were part of Kubernetes once are not
 * looked at as those of the drivers that have taken over; FlexVolumes, iSCSI and Fibre Channel, for
 * which nothing is done here, are not reported as attached.
 */
import { claimsOf, foreignClaim } from '#api/core/pod-claims.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '#api/gen/core-v1.ts';
import type { CSIDriver } from '#api/gen/storage-v1.ts';
import { type CsiVolume, uniqueVolumeName } from '#api/storage/attachment-names.ts';

export interface AttachableVolume extends CsiVolume {
  /** As nodes call it. */
  readonly uniqueName: string;
  /** Of the PersistentVolume. */
  readonly name: string;
  /** Whether several nodes may have it. */
  readonly isShared: boolean;
}

export interface VolumeLookups {
  readonly claim: (key: string) => PersistentVolumeClaim | undefined;
  readonly volume: (name: string) => PersistentVolume | undefined;
  readonly driver: (name: string) => CSIDriver | undefined;
}

export function volumesOf(pod: Pod, lookups: VolumeLookups): AttachableVolume[] {
  return claimedVolumes(pod, lookups).flatMap((volume) => attachable(volume, lookups) ?? []);
}

/** Claims that are not bound, or not the Pod's own, are left out: they come when they are. */
export function claimedVolumes(
  pod: Pod,
  lookups: Pick<VolumeLookups, 'claim' | 'volume'>,
): PersistentVolume[] {
  return claimsOf(pod).flatMap(({ key, isEphemeral }) => {
    const claim = lookups.claim(key);
    const volumeName = claim?.spec?.volumeName ?? '';
    if (claim?.status?.phase !== 'Bound' || volumeName === '') return [];
    if (isEphemeral && foreignClaim(pod, claim) !== undefined) return [];
    const volume = lookups.volume(volumeName);
    return volume?.spec?.claimRef?.uid === claim.metadata?.uid ? (volume ?? []) : [];
  });
}

/** Undefined: it is not to be attached. */
export function attachable(
  { metadata, spec }: PersistentVolume,
  { driver: driverOf }: Pick<VolumeLookups, 'driver'>,
): AttachableVolume | undefined {
  if (spec?.csi === undefined) return undefined;
  const { driver, volumeHandle } = spec.csi;
  if (driverOf(driver)?.spec?.attachRequired === false) return undefined;
  const modes = spec.accessModes ?? [];
  const isShared =
    modes.length === 0 || modes.includes('ReadWriteMany') || modes.includes('ReadOnlyMany');
  const uniqueName = uniqueVolumeName(spec.csi);
  return { uniqueName, driver, volumeHandle, name: metadata?.name ?? '', isShared };
}
