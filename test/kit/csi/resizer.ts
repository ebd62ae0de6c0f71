/** Makes volumes larger when their claims ask for more; file systems need nothing more. */
import { compareQuantity } from '#api/codec/quantity.ts';
import { PERSISTENT_VOLUME } from '#api/core/persistent-volume.ts';
import { PERSISTENT_VOLUME_CLAIM } from '#api/core/persistent-volume-claim.ts';
import { sleep } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import { splitKey } from '#client/informer.ts';
import { type Controller, defineKeyController } from '#reconcile/controller.ts';
import { DRIVER } from './backend.ts';
import type { CsiContext } from './driver.ts';

const BACKOFF = { firstMs: 1_000, msMax: 300_000 };

export function resizer({ backend, behaviour, environment }: CsiContext): Controller {
  return defineKeyController({
    name: `external-resizer ${DRIVER}`,
    concurrency: 100,
    backoff: BACKOFF,
    create: (setup) => {
      const volumes = setup.watch(PERSISTENT_VOLUME);
      const claims = setup.watch(PERSISTENT_VOLUME_CLAIM, ({ key }) => [key]);
      return async (key, { client }) => {
        const claim = claims.get(key);
        const volume = volumes.get(claim?.spec?.volumeName ?? '');
        const asked = claim?.spec?.resources?.requests?.['storage'] ?? '0';
        const { phase, capacity } = claim?.status ?? {};
        if (claim === undefined || phase !== 'Bound' || volume?.spec?.csi?.driver !== DRIVER)
          return;
        if (compareQuantity(asked, capacity?.['storage'] ?? '0') <= 0) return;
        const name = volume.metadata?.name ?? '';
        const message = `External resizer is resizing volume ${name}`;
        setup.events.event({ about: claim, type: 'Normal', reason: 'Resizing', message });
        await sleep(environment, behaviour.resizeMs, setup.signal);
        setup.signal.throwIfAborted();
        try {
          backend.resize(volume.spec.csi.volumeHandle, asked);
        } catch (error) {
          const why = `resize volume "${name}" by resizer "${DRIVER}" failed: ${messageOf(error)}`;
          setup.events.event({
            about: claim,
            type: 'Warning',
            reason: 'VolumeResizeFailed',
            message: why,
          });
          throw error;
        }
        const spec = { capacity: { storage: asked } };
        await client.patch(PERSISTENT_VOLUME, { name }, 'merge', { spec });
        const status = { capacity: { storage: asked } };
        const options = { subresource: 'status' } as const;
        await client.patch(PERSISTENT_VOLUME_CLAIM, splitKey(key), 'merge', { status }, options);
        const done = 'Resize volume succeeded';
        setup.events.event({
          about: claim,
          type: 'Normal',
          reason: 'VolumeResizeSuccessful',
          message: done,
        });
      };
    },
  });
}
