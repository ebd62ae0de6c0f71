/** The pods of the node for eviction, by their workers. */
import type { Pod } from '#api/gen/core-v1.ts';
import type { PodWorker } from '../pod/pod-worker.ts';
import type { EvictablePods } from './eviction-manager.ts';
import { EVICTED } from './messages.ts';

/** `workers`: by uid of the pod; looked at anew each time. */
export function evictableWorkers(workers: ReadonlyMap<string, PodWorker>): EvictablePods {
  const workerOf = ({ metadata }: Pod): PodWorker | undefined => workers.get(metadata?.uid ?? '');
  return {
    list: () => [...workers.values()].filter(({ isTaken }) => isTaken).map(({ pod }) => pod),
    evict: (pod, { message, gracePeriodSeconds, condition }) =>
      workerOf(pod)?.evict(
        {
          phase: 'Failed',
          reason: EVICTED,
          message,
          ...(condition === undefined ? {} : { condition }),
        },
        gracePeriodSeconds,
      ),
    isCleanedUp: (pod) => workerOf(pod)?.isCleanedUp ?? true,
  };
}
