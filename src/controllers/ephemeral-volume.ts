/**
 * Ephemeral volumes: makes the PersistentVolumeClaim of each generic ephemeral volume of a Pod, which
 * owns it and takes it along when it goes.
 *
 * Upstream: pkg/controller/volume/ephemeral/controller.go, v1.36; KEP-1698.
 */
import { PERSISTENT_VOLUME_CLAIM } from '#api/core/persistent-volume-claim.ts';
import { POD } from '#api/core/pod.ts';
import type { PersistentVolumeClaim, Pod, Volume } from '#api/gen/core-v1.ts';
import { controllerOf } from '#api/meta/object.ts';
import { messageOf } from '#base/error.ts';
import { alpha, type MetricRegistry } from '#base/metrics.ts';
import { keyFor, keyOf } from '#client/informer.ts';
import { controllerReference } from '#reconcile/claim.ts';
import { type Context, type Controller, defineController, watch } from '#reconcile/controller.ts';

const CREATES = alpha('ephemeral_volume_controller_create_total', 'Requests to create claims.');
const FAILURES = alpha(
  'ephemeral_volume_controller_create_failures_total',
  'Requests to create claims that failed.',
);

export const ephemeralVolumeController: Controller = defineController<Pod>({
  name: 'ephemeral-volume-controller',
  component: 'ephemeral_volume',
  queue: 'ephemeral_volume',
  for: POD,
  metrics: metricsOf,
  watches: [
    watch<PersistentVolumeClaim, Pod>({
      type: PERSISTENT_VOLUME_CLAIM,
      // One that was deleted while a Pod needs it is made anew.
      keys: ({ type, object }, { owners }) => {
        if (type !== 'deleted') return [];
        const { name, namespace } = object.metadata ?? {};
        const users = owners.list(namespace).filter((pod) => claimsOf(pod).includes(name ?? ''));
        return users.map(keyOf);
      },
    }),
  ],
  reconcile: async (pod, context) => {
    if (pod.metadata?.deletionTimestamp !== undefined) return;
    for (const volume of pod.spec?.volumes ?? []) {
      try {
        await ensureClaim(pod, volume, context);
      } catch (error) {
        const message = `ephemeral volume ${volume.name}: ${messageOf(error)}`;
        context.events.event({ about: pod, type: 'Warning', reason: 'FailedBinding', message });
        throw error;
      }
    }
  },
});

function metricsOf(registry: MetricRegistry) {
  return { creates: registry.counter(CREATES), failures: registry.counter(FAILURES) };
}

function claimName(pod: Pod, volume: Volume): string {
  return `${pod.metadata?.name}-${volume.name}`;
}

/** The names of the claims of its ephemeral volumes. */
function claimsOf(pod: Pod): string[] {
  const ephemeral = (pod.spec?.volumes ?? []).filter((volume) => volume.ephemeral !== undefined);
  return ephemeral.map((volume) => claimName(pod, volume));
}

async function ensureClaim(pod: Pod, volume: Volume, context: Context<Pod>): Promise<void> {
  const template = volume.ephemeral?.volumeClaimTemplate;
  if (template === undefined) return;
  const { namespace = '', uid } = pod.metadata ?? {};
  const name = claimName(pod, volume);
  const existing = context.informer(PERSISTENT_VOLUME_CLAIM).get(keyFor(name, namespace));
  if (existing !== undefined) {
    if (controllerOf(existing)?.uid === uid) return;
    const asked = `${namespace}/${pod.metadata?.name}`;
    throw new Error(`PVC ${namespace}/${name} was not created for pod ${asked} (pod is not owner)`);
  }
  const { creates, failures } = metricsOf(context.metrics);
  creates.add([]);
  const { annotations, labels } = template.metadata ?? {};
  try {
    await context.client.create(PERSISTENT_VOLUME_CLAIM, {
      metadata: {
        name,
        namespace,
        ownerReferences: [controllerReference(POD, pod)],
        ...(annotations === undefined ? {} : { annotations }),
        ...(labels === undefined ? {} : { labels }),
      },
      spec: template.spec,
    });
  } catch (error) {
    failures.add([]);
    throw new Error(`create PVC ${name}: ${messageOf(error)}`, { cause: error });
  }
}
