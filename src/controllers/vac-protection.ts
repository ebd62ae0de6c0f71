/**
 * VolumeAttributesClass protection: a class that is being deleted stays as long as a volume or a
 * claim names it.
 *
 * The finalizer is set by the admission plug-in StorageObjectInUseProtection; here it is taken away,
 * and given to classes that were made without it.
 *
 * Upstream: pkg/controller/volume/vacprotection/vac_protection_controller.go, v1.36.
 */
import { PERSISTENT_VOLUME } from '#api/core/persistent-volume.ts';
import { PERSISTENT_VOLUME_CLAIM } from '#api/core/persistent-volume-claim.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/gen/core-v1.ts';
import type { VolumeAttributesClass } from '#api/gen/storage-v1.ts';
import { isNotFound } from '#api/meta/status.ts';
import { VOLUME_ATTRIBUTES_CLASS } from '#api/storage/volume-attributes-class.ts';
import { type Context, type Controller, defineController, watch } from '#reconcile/controller.ts';
import { withFinalizer, withoutFinalizer } from './shared/finalizers.ts';

const FINALIZER = 'kubernetes.io/vac-protection';

/** A class is woken by what named it before a change, too. */
export const vacProtectionController: Controller = defineController<VolumeAttributesClass>({
  name: 'volumeattributesclass-protection-controller',
  queue: 'vacprotection',
  for: VOLUME_ATTRIBUTES_CLASS,
  watches: [
    watch<PersistentVolume, VolumeAttributesClass>({
      type: PERSISTENT_VOLUME,
      keys: ({ object, previous }) =>
        [object, previous].flatMap((one) => (one ? classOfVolume(one) : [])),
    }),
    watch<PersistentVolumeClaim, VolumeAttributesClass>({
      type: PERSISTENT_VOLUME_CLAIM,
      keys: ({ object, previous }) =>
        [object, previous].flatMap((one) => (one ? classesOfClaim(one) : [])),
    }),
  ],
  reconcile,
});

function classOfVolume({ spec }: PersistentVolume): string[] {
  return named(spec?.volumeAttributesClassName);
}

/** What it asks for, what it has, and what it is being changed to. */
function classesOfClaim({ spec, status }: PersistentVolumeClaim): string[] {
  return [
    ...named(spec?.volumeAttributesClassName),
    ...named(status?.currentVolumeAttributesClassName),
    ...named(status?.modifyVolumeStatus?.targetVolumeAttributesClassName),
  ];
}

function named(name: string | undefined): string[] {
  return name === undefined || name === '' ? [] : [name];
}

async function reconcile(
  attributesClass: VolumeAttributesClass,
  context: Context<VolumeAttributesClass>,
): Promise<void> {
  const isDeleted = attributesClass.metadata?.deletionTimestamp !== undefined;
  const isUsed =
    context
      .informer(PERSISTENT_VOLUME)
      .list()
      .some((volume) => classOfVolume(volume).includes(context.key)) ||
    context
      .informer(PERSISTENT_VOLUME_CLAIM)
      .list()
      .some((claim) => classesOfClaim(claim).includes(context.key));
  if (isDeleted && isUsed) return;
  const change = isDeleted ? withoutFinalizer : withFinalizer;
  const next = change(attributesClass, FINALIZER);
  if (next === undefined) return;
  try {
    await context.client.update(VOLUME_ATTRIBUTES_CLASS, next);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
