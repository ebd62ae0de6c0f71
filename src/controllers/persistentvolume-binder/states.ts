/**
 * Claims and volumes as they are written: copies of what was read, each undefined where nothing
 * would change.
 *
 * Upstream: updateClaimStatus, bindClaimToVolume, unbindVolume, setClaimProvisioner in
 * pkg/controller/volume/persistentvolume/pv_controller{,_base}.go and GetBindVolumeToClaim in
 * staging/src/k8s.io/component-helpers/storage/volume/pv_helpers.go, v1.36.
 */
import { compareQuantity, parseQuantity } from '#api/codec/quantity.ts';
import {
  BIND_COMPLETED,
  BOUND_BY_CONTROLLER,
  isBoundTo,
  STORAGE_PROVISIONER,
} from '#api/core/volume-binding.ts';
import type {
  ObjectReference,
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeClaimStatus,
} from '#api/gen/core-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { BETA_STORAGE_PROVISIONER, migratedClaim } from './migration.ts';

/** What a file system has until it is grown to its volume's size. */
const PRE_RESIZE_CAPACITY = 'volume.alpha.kubernetes.io/pre-resize-capacity';

function annotated<T extends KubeObject>(object: T, annotations: Record<string, string>): T {
  const all = { ...object.metadata?.annotations, ...annotations };
  return { ...object, metadata: { ...object.metadata, annotations: all } };
}

/** The volume with a reference to the claim. */
export function boundVolume(
  volume: PersistentVolume,
  claim: PersistentVolumeClaim,
): PersistentVolume | undefined {
  const { name, namespace, uid } = claim.metadata ?? {};
  const known = volume.spec?.claimRef;
  const refers = known?.name === name && known?.namespace === namespace && known?.uid === uid;
  const isMarked = volume.metadata?.annotations?.[BOUND_BY_CONTROLLER] !== undefined;
  const mark = !isBoundTo(volume, claim) && !isMarked;
  if (refers && !mark) return undefined;
  const next = mark ? annotated(volume, { [BOUND_BY_CONTROLLER]: 'yes' }) : volume;
  return refers ? next : { ...next, spec: { ...next.spec, claimRef: referenceTo(claim) } };
}

function referenceTo({ metadata }: PersistentVolumeClaim): ObjectReference {
  const { name = '', namespace = '', uid = '', resourceVersion = '' } = metadata ?? {};
  const kind = 'PersistentVolumeClaim';
  return { kind, namespace, name, uid, apiVersion: 'v1', resourceVersion };
}

/** The volume without its claim; one that a user has kept for a claim stays kept. */
export function unboundVolume(volume: PersistentVolume): PersistentVolume {
  const { claimRef, ...spec } = volume.spec ?? {};
  const { [BOUND_BY_CONTROLLER]: mark, ...annotations } = volume.metadata?.annotations ?? {};
  if (mark !== undefined) return { ...volume, metadata: { ...volume.metadata, annotations }, spec };
  const { uid: _uid, ...kept } = claimRef ?? {};
  return { ...volume, spec: { ...spec, claimRef: kept } };
}

/** The claim with the name of its volume, and the mark that it was bound once. */
export function boundClaim(
  claim: PersistentVolumeClaim,
  volumeName: string,
): PersistentVolumeClaim | undefined {
  const annotations = claim.metadata?.annotations ?? {};
  const isNamed = claim.spec?.volumeName === volumeName;
  const isMarked = annotations[BIND_COMPLETED] !== undefined;
  if (isNamed && isMarked) return undefined;
  const byController = isNamed || annotations[BOUND_BY_CONTROLLER] !== undefined;
  const next = annotated(claim, {
    ...(byController ? {} : { [BOUND_BY_CONTROLLER]: 'yes' }),
    ...(isMarked ? {} : { [BIND_COMPLETED]: 'yes' }),
  });
  return { ...next, spec: { ...next.spec, volumeName } };
}

/** The claim with the name of who is to make its volume. */
export function provisionedClaim(
  claim: PersistentVolumeClaim,
  provisioner: string,
): PersistentVolumeClaim | undefined {
  if (claim.metadata?.annotations?.[STORAGE_PROVISIONER] === provisioner) return undefined;
  const next = annotated(claim, {
    [BETA_STORAGE_PROVISIONER]: provisioner,
    [STORAGE_PROVISIONER]: provisioner,
  });
  return migratedClaim(next) ?? next;
}

/** The status of a claim in this phase; `volume`: what it is bound to, none otherwise. */
export function claimStatus(
  claim: PersistentVolumeClaim,
  phase: NonNullable<PersistentVolumeClaimStatus['phase']>,
  volume?: PersistentVolume,
): PersistentVolumeClaimStatus | undefined {
  const status = claim.status ?? {};
  const { accessModes, capacity, currentVolumeAttributesClassName, ...rest } = status;
  if (volume === undefined) {
    const isBare =
      accessModes === undefined &&
      capacity === undefined &&
      currentVolumeAttributesClassName === undefined;
    return isBare && status.phase === phase ? undefined : { ...rest, phase };
  }
  const modes = volume.spec?.accessModes;
  const isSame = (accessModes ?? []).join() === (modes ?? []).join();
  if (status.phase === phase && isSame) return undefined;
  const next = { ...status, phase, ...(modes === undefined ? {} : { accessModes: modes }) };
  return status.phase === phase ? next : { ...next, ...newlyBound(status, volume) };
}

/** What is set when a claim becomes bound, and not afterwards: resizing has its own ways. */
function newlyBound(
  status: PersistentVolumeClaimStatus,
  { metadata, spec }: PersistentVolume,
): PersistentVolumeClaimStatus {
  const size = spec?.capacity?.['storage'];
  if (size === undefined)
    throw new Error(`PersistentVolume "${metadata?.name ?? ''}" is without a storage capacity`);
  const known = status.capacity?.['storage'];
  const before = metadata?.annotations?.[PRE_RESIZE_CAPACITY];
  const attributes = spec?.volumeAttributesClassName;
  return {
    ...(before !== undefined
      ? { capacity: { ...status.capacity, storage: isQuantity(before) ? before : size } }
      : known === undefined || compareQuantity(known, size) !== 0
        ? { capacity: { ...spec?.capacity } }
        : {}),
    ...(status.phase === 'Pending' && attributes !== undefined
      ? { currentVolumeAttributesClassName: attributes }
      : {}),
  };
}

function isQuantity(text: string): boolean {
  try {
    parseQuantity(text);
    return true;
  } catch {
    return false;
  }
}
