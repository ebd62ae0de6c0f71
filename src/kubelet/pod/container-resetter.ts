/**
 * Ends and removes all containers of a pod that begins anew: no preStop hooks, the shortest grace. The
 * sandbox and the logs stay. Source: KEP-5532. Upstream:
 * pkg/kubelet/kuberuntime/kuberuntime_manager.go (SyncPod, ContainersToReset), v1.36.
 */
import type { Pod } from '#api/gen/core-v1.ts';
import type { PodEvents } from '../events.ts';
import type { ContainerKiller } from './container-killer.ts';
import type { NodeContext } from './node-context.ts';
import { type ObservedPod, observedIps } from './observed.ts';
import { toReset } from './restart-all.ts';

export interface ResetRequest {
  readonly pod: Pod;
  readonly observed: ObservedPod;
  readonly events: PodEvents;
  readonly signal: AbortSignal;
}

/** Rejects at the first that cannot be ended or removed: the rest is left for the next try. */
export async function resetContainers(
  { cri }: Pick<NodeContext, 'cri'>,
  killer: ContainerKiller,
  { pod, observed, events, signal }: ResetRequest,
): Promise<void> {
  const podIp = observedIps(observed)[0] ?? '';
  for (const { latest, container, isAlive } of toReset(pod, observed)) {
    const containerId = latest.id;
    if (isAlive) {
      const request = { pod, container, containerId, podIp, events, signal };
      await killer.kill({ ...request, message: 'killing', gracePeriodSeconds: 0 });
    }
    if (signal.aborted) return;
    await cri.call('removeContainer', { containerId });
  }
}
