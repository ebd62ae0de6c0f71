/**
 * TTL: tells kubelets how long they may keep Secrets and ConfigMaps before asking again; longer in
 * larger clusters.
 *
 * Upstream: pkg/controller/ttl/ttl_controller.go, v1.36.
 */
import { NODE } from '#api/core/node.ts';
import { type Controller, defineKeyController } from '#reconcile/controller.ts';

const ANNOTATION = 'node.alpha.kubernetes.io/ttl';

/** The ranges overlap, so that a cluster at a border does not flip. */
const STEPS = [
  { nodesMin: 0, nodesMax: 100, ttlSeconds: 0 },
  { nodesMin: 90, nodesMax: 500, ttlSeconds: 15 },
  { nodesMin: 450, nodesMax: 1000, ttlSeconds: 30 },
  { nodesMin: 900, nodesMax: 2000, ttlSeconds: 60 },
  { nodesMin: 1800, nodesMax: Number.POSITIVE_INFINITY, ttlSeconds: 300 },
] as const;

/** The step for `count` nodes, coming from `step`. */
export function nextStep(step: number, count: number): number {
  let next = step;
  while (count > (STEPS[next]?.nodesMax ?? 0)) next++;
  while (count < (STEPS[next]?.nodesMin ?? 0)) next--;
  return next;
}

export function ttlSecondsOf(step: number): number {
  return STEPS[step]?.ttlSeconds ?? 0;
}

export const ttlController: Controller = defineKeyController({
  name: 'ttl-controller',
  queue: 'ttlcontroller',
  create: (setup) => {
    let step = 0;
    const nodes = setup.watch(NODE, ({ type, key }) => (type === 'deleted' ? [] : [key]));
    return async (key, { client }) => {
      const node = nodes.get(key);
      step = nextStep(step, nodes.size);
      const ttl = String(ttlSecondsOf(step));
      if (node === undefined || node.metadata?.annotations?.[ANNOTATION] === ttl) return;
      const patch = { metadata: { annotations: { [ANNOTATION]: ttl } } };
      await client.patch(NODE, { name: key }, 'strategic', patch);
    };
  },
});
