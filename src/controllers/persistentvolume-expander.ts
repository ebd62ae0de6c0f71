/**
 * Volume expander: tells whoever drives a bound claim's volume that the claim has grown. Every driver
 * is outside by now (CSI), so it is named on the claim and told about by an event.
 *
 * Upstream: pkg/controller/volume/expand/expand_controller.go, v1.36. FlexVolumes, which a kubelet
 * expands by itself, are left alone.
 */
import { compareQuantity } from '#api/codec/quantity.ts';
import { PERSISTENT_VOLUME } from '#api/core/persistent-volume.ts';
import { PERSISTENT_VOLUME_CLAIM } from '#api/core/persistent-volume-claim.ts';
import type { PersistentVolumeClaim } from '#api/gen/core-v1.ts';
import { splitKey } from '#client/informer.ts';
import { type Controller, defineKeyController, type Setup } from '#reconcile/controller.ts';
import { migratedSource } from './shared/migrated-volumes.ts';

const RESIZER = 'volume.kubernetes.io/storage-resizer';

export const volumeExpander: Controller = defineKeyController({
  name: 'expand-controller',
  component: 'volume_expand',
  queue: 'volume_expand',
  create: (setup) => {
    const volumes = setup.watch(PERSISTENT_VOLUME);
    const claims = setup.watch(PERSISTENT_VOLUME_CLAIM, ({ key, object, previous }) =>
      object.status?.phase === 'Bound' && (previous === undefined || hasGrown(object, previous))
        ? [key]
        : [],
    );
    return async (key, { client }) => {
      const claim = claims.get(key);
      if (claim === undefined) return;
      const volume = volumes.get(claim.spec?.volumeName ?? '');
      if (volume?.spec?.claimRef?.uid !== claim.metadata?.uid)
        throw new Error(`persistent Volume is not bound to PVC being updated : ${key}`);
      if (!isLarger(asked(claim), capacity(claim)) || volume?.spec?.flexVolume !== undefined)
        return;
      const migrated = migratedSource(volume?.spec);
      if (migrated === undefined)
        return tell(setup, claim, 'waiting for an external controller to expand this PVC');
      const { plugin, driver } = migrated;
      const waiting = 'waiting for external resizer to expand the pvc';
      tell(setup, claim, `CSI migration enabled for ${plugin}; ${waiting}`);
      if (claim.metadata?.annotations?.[RESIZER] === driver) return;
      const patch = { metadata: { annotations: { [RESIZER]: driver } } };
      const options = { subresource: 'status' };
      await client.patch(PERSISTENT_VOLUME_CLAIM, splitKey(key), 'strategic', patch, options);
    };
  },
});

const asked = ({ spec }: PersistentVolumeClaim): string =>
  spec?.resources?.requests?.['storage'] ?? '0';
const capacity = ({ status }: PersistentVolumeClaim): string =>
  status?.capacity?.['storage'] ?? '0';
const isLarger = (one: string, other: string): boolean => compareQuantity(one, other) > 0;

function hasGrown(next: PersistentVolumeClaim, previous: PersistentVolumeClaim): boolean {
  return isLarger(asked(next), asked(previous)) || isLarger(capacity(next), capacity(previous));
}

function tell(setup: Setup, about: PersistentVolumeClaim, message: string): void {
  setup.events.event({ about, type: 'Normal', reason: 'ExternalExpanding', message });
}
