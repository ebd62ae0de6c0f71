/**
 * How claims and volumes belong together: the annotations that say so, and which volume suits which
 * claim. The scheduler and the volume controller decide the same by it.
 *
 * Source: upstream v1.36 staging/src/k8s.io/component-helpers/storage/volume/pv_helpers.go.
 */
import { compareQuantity } from '#api/codec/quantity.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/gen/core-v1.ts';
import { matchesSelector, selectorOf } from '#api/meta/labels.ts';
import { storageClassOf } from './volume-claims.ts';

/** On a claim: the node that a volume is to be made for. */
export const SELECTED_NODE = 'volume.kubernetes.io/selected-node';
/** On a claim: it has been bound once. */
export const BIND_COMPLETED = 'pv.kubernetes.io/bind-completed';
/** On either: nobody asked for the other by name. */
export const BOUND_BY_CONTROLLER = 'pv.kubernetes.io/bound-by-controller';
/** On a volume: who made it for its claim. */
export const PROVISIONED_BY = 'pv.kubernetes.io/provisioned-by';
/** On a claim: who is to make its volume. */
export const STORAGE_PROVISIONER = 'volume.kubernetes.io/storage-provisioner';

export function isFullyBound({ spec, metadata }: PersistentVolumeClaim): boolean {
  return Boolean(spec?.volumeName) && metadata?.annotations?.[BIND_COMPLETED] !== undefined;
}

/** Whether the volume is kept for this claim. */
export function isBoundTo(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const reference = volume.spec?.claimRef;
  const { name, namespace, uid } = claim.metadata ?? {};
  if (reference === undefined || reference.name !== name || reference.namespace !== namespace)
    return false;
  return !reference.uid || reference.uid === uid;
}

export function hasSameMode(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  return (volume.spec?.volumeMode ?? 'Filesystem') === (claim.spec?.volumeMode ?? 'Filesystem');
}

export function hasSameAttributesClass(
  volume: PersistentVolume,
  claim: PersistentVolumeClaim,
): boolean {
  const ofVolume = volume.spec?.volumeAttributesClassName ?? '';
  return ofVolume === (claim.spec?.volumeAttributesClassName ?? '');
}

/** Whether the volume can be used in all the ways the claim asks for. */
export function hasAccessModes(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const modes = new Set(volume.spec?.accessModes);
  return (claim.spec?.accessModes ?? []).every((mode) => modes.has(mode));
}

/** What any volume of a claim must be, one that is kept for it too. */
export function suits(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const wanted = claim.spec?.resources?.requests?.['storage'] ?? '0';
  return (
    (volume.spec?.claimRef === undefined || isBoundTo(volume, claim)) &&
    compareQuantity(volume.spec?.capacity?.['storage'] ?? '0', wanted) >= 0 &&
    hasSameMode(volume, claim) &&
    hasSameAttributesClass(volume, claim) &&
    volume.metadata?.deletionTimestamp === undefined
  );
}

/** What a volume must be beside, unless it is kept for the claim. */
export function isFreeFor(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const selector = claim.spec?.selector && selectorOf(claim.spec.selector);
  return (
    volume.status?.phase === 'Available' &&
    (selector === undefined || matchesSelector(selector, volume.metadata?.labels)) &&
    storageClassOf(volume) === storageClassOf(claim) &&
    hasAccessModes(volume, claim)
  );
}
