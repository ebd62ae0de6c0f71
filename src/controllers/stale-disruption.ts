/**
 * The condition DisruptionTarget says that a Pod is about to be ended. Of a Pod that nobody ended
 * after all it is taken back.
 *
 * Upstream: syncStalePodDisruption in pkg/controller/disruption/disruption.go, v1.36; KEP-3329.
 */
import { POD } from '#api/core/pod.ts';
import { isPodTerminal, podCondition, withCondition } from '#api/core/pod-helpers.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { timeText } from '#api/meta/time.ts';
import { type Controller, defineKeyController } from '#reconcile/controller.ts';

const STALE_AFTER_MS = 120_000;
const TARGET = 'DisruptionTarget';
const BY_KUBELET = 'TerminationByKubelet';

export const staleDisruptionController: Controller = defineKeyController({
  name: 'stale-disruption-controller',
  queue: 'stale_pod_disruption',
  identity: 'disruption-controller',
  create: (setup) => {
    const pods = setup.watch(POD, ({ type, key, object }) =>
      type !== 'deleted' && staleInMs(object, setup.environment.clock.now()) !== undefined
        ? [key]
        : [],
    );
    return async (key, { client }) => {
      const pod = pods.get(key);
      const nowMs = setup.environment.clock.now();
      const leftMs = pod === undefined ? undefined : staleInMs(pod, nowMs);
      if (pod === undefined || leftMs === undefined) return;
      if (leftMs > 0) return { requeueAfterMs: leftMs };
      await client.update(POD, withoutTarget(pod, nowMs), 'status');
    };
  },
});

/**
 * When the condition of a Pod that is not being ended is to be taken back; undefined: it has none. A
 * kubelet may take as long as it likes between the condition and the end.
 */
function staleInMs(pod: Pod, nowMs: number): number | undefined {
  if (pod.metadata?.deletionTimestamp !== undefined || isPodTerminal(pod)) return undefined;
  const condition = podCondition(pod, TARGET);
  if (condition?.status !== 'True' || condition.reason === BY_KUBELET) return undefined;
  const sinceMs = Date.parse(condition.lastTransitionTime ?? '');
  return Number.isNaN(sinceMs) ? 0 : Math.max(0, sinceMs + STALE_AFTER_MS - nowMs);
}

function withoutTarget(pod: Pod, nowMs: number): Pod {
  const { conditions = [] } = pod.status ?? {};
  const { generation } = pod.metadata ?? {};
  const observed = generation === undefined ? {} : { observedGeneration: generation };
  const next = { type: TARGET, status: 'False' as const, ...observed };
  return {
    ...pod,
    status: { ...pod.status, conditions: [...withCondition(conditions, next, timeText(nowMs))] },
  };
}
