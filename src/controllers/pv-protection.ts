/**
 * PV protection: a PersistentVolume that is being deleted stays as long as it is bound to a claim.
 *
 * The finalizer is set by the admission plug-in StorageObjectInUseProtection; here it is taken away,
 * and given to volumes that were made without it.
 *
 * Upstream: pkg/controller/volume/pvprotection/pv_protection_controller.go, v1.36.
 */
import { PERSISTENT_VOLUME } from '#api/core/persistent-volume.ts';
import type { PersistentVolume } from '#api/gen/core-v1.ts';
import { isNotFound } from '#api/meta/status.ts';
import { type Controller, defineController } from '#reconcile/controller.ts';
import { withFinalizer, withoutFinalizer } from './shared/finalizers.ts';

const FINALIZER = 'kubernetes.io/pv-protection';

export const pvProtectionController: Controller = defineController<PersistentVolume>({
  name: 'pv-protection-controller',
  queue: 'pvprotection',
  for: PERSISTENT_VOLUME,
  async reconcile(volume, { client }) {
    const isDeleted = volume.metadata?.deletionTimestamp !== undefined;
    if (isDeleted && volume.status?.phase === 'Bound') return;
    const next = isDeleted ? withoutFinalizer(volume, FINALIZER) : withFinalizer(volume, FINALIZER);
    if (next === undefined) return;
    try {
      await client.update(PERSISTENT_VOLUME, next);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  },
});
