/** The pods that hold something of the node, for those who may end them. */
import type { Pod } from '#api/gen/core-v1.ts';
import type { PodWorker } from './pod-worker.ts';
import type { PhaseOverride } from './status.ts';

export interface LivePods {
  /** With what they hold of the node. */
  list(): readonly Pod[];
  /**
   * Ends the pod, with this grace instead of its own. Resolves when nothing of it runs and its
   * volumes are gone; at once when it is not there.
   */
  end(pod: Pod, override: PhaseOverride, gracePeriodSeconds: number): Promise<void>;
}

/** `workers`: by uid of the pod; looked at anew each time. */
export function livePods(workers: ReadonlyMap<string, PodWorker>): LivePods {
  return {
    list: () => [...workers.values()].filter(({ isTaken }) => isTaken).map(({ held }) => held),
    end: (pod, override, gracePeriodSeconds) => {
      const worker = workers.get(pod.metadata?.uid ?? '');
      if (worker === undefined) return Promise.resolve();
      worker.evict(override, gracePeriodSeconds);
      return worker.cleanedUp;
    },
  };
}
