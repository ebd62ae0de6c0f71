/**
 * Removes requests for certificates of Pods, answered or not: whoever asked has what it wanted by
 * then, or has given up.
 *
 * Upstream: pkg/controller/certificates/cleaner/pcrcleaner.go, v1.36; KEP-4317.
 */
import { POD_CERTIFICATE_REQUEST } from '#api/certificates/pod-certificate-request.ts';
import type { PodCertificateRequest } from '#api/gen/certificates-v1beta1.ts';
import { isNotFound } from '#api/meta/status.ts';
import { messageOf } from '#base/error.ts';
import { keyOf } from '#client/informer.ts';
import { type Controller, defineKeyController } from '#reconcile/controller.ts';

const LOOK = 'look';
const LOOK_EVERY_MS = 5 * 60_000;
const AGE_MS_MAX = 15 * 60_000;

export const podCertificateRequestCleaner: Controller = defineKeyController({
  name: 'podcertificaterequest-cleaner-controller',
  identity: 'podcertificaterequestcleaner',
  create: (setup) => {
    const requests = setup.watch(POD_CERTIFICATE_REQUEST);
    setup.enqueue(LOOK);
    return async (_, { client }) => {
      const nowMs = setup.environment.clock.now();
      for (const request of requests.list().filter((one) => isOver(one, nowMs))) {
        const { name = '', namespace = '', uid = '' } = request.metadata ?? {};
        try {
          const options = { preconditions: { uid } };
          await client.delete(POD_CERTIFICATE_REQUEST, { name, namespace }, options);
        } catch (error) {
          // The next look finds it again; the others are to go now.
          if (!isNotFound(error))
            setup.log.warn('unable to delete PodCertificateRequest', {
              request: keyOf(request),
              error: messageOf(error),
            });
        }
      }
      return { requeueAfterMs: LOOK_EVERY_MS };
    };
  },
});

function isOver({ metadata }: PodCertificateRequest, nowMs: number): boolean {
  return nowMs >= Date.parse(metadata?.creationTimestamp ?? '') + AGE_MS_MAX;
}
