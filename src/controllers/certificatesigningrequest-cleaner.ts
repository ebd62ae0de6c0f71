/**
 * Removes requests for certificates when nobody looks for them any more.
 *
 * Upstream: pkg/controller/certificates/cleaner/cleaner.go, v1.36.
 */
import { CERTIFICATE_SIGNING_REQUEST } from '#api/certificates/certificate-signing-request.ts';
import { isNotFound } from '#api/meta/status.ts';
import { type Controller, defineKeyController } from '#reconcile/controller.ts';
import { isOver } from './certificatesigningrequest/age.ts';

const LOOK = 'look';
const LOOK_EVERY_MS = 60 * 60_000;

export const csrCleanerController: Controller = defineKeyController({
  name: 'certificatesigningrequest-cleaner-controller',
  identity: 'certificate-controller',
  create: (setup) => {
    const requests = setup.watch(CERTIFICATE_SIGNING_REQUEST);
    setup.enqueue(LOOK);
    return async (_, { client }) => {
      const nowMs = setup.environment.clock.now();
      for (const { metadata } of requests.list().filter((csr) => isOver(csr, nowMs))) {
        try {
          await client.delete(CERTIFICATE_SIGNING_REQUEST, { name: metadata?.name ?? '' });
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
      }
      return { requeueAfterMs: LOOK_EVERY_MS };
    };
  },
});
