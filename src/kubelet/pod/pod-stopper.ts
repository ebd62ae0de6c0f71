/**
 * Stops all of a pod: regular containers together, then sidecars in reverse order, then the
 * sandbox.
 *
 * Source: KEP-753 (termination of sidecars). Upstream:
 * pkg/kubelet/kuberuntime/kuberuntime_termination_order.go, kuberuntime_manager.go
 * (killPodWithSyncResult), v1.36.
 */
import type { Container, Pod } from '#api/gen/core-v1.ts';
import type { PodEvents } from '../events.ts';
import type { ContainerKiller } from './container-killer.ts';
import type { NodeContext } from './node-context.ts';
import { type ObservedContainer, type ObservedPod, observedIps } from './observed.ts';
import { isSidecar } from '#api/core/pod-helpers.ts';

export interface StopRequest {
  readonly pod: Pod;
  readonly observed: ObservedPod;
  readonly events: PodEvents;
  readonly gracePeriodSeconds: number;
  readonly signal?: AbortSignal;
}

/** Rejects when something could not be stopped. */
export async function stopPod(
  node: NodeContext,
  killer: ContainerKiller,
  request: StopRequest,
): Promise<void> {
  const { observed, signal } = request;
  await stopContainers(killer, request);
  if (signal?.aborted) return;
  for (const sandbox of observed.sandboxes) {
    if (sandbox.ready) await node.cri.call('stopPodSandbox', { podSandboxId: sandbox.id });
  }
}

async function stopContainers(killer: ContainerKiller, request: StopRequest): Promise<void> {
  const { pod, observed } = request;
  const alive = observed.containers.filter(
    ({ state }) => state === 'running' || state === 'unknown',
  );
  const order = stopOrder(pod, alive);
  let before: Promise<void> = Promise.resolve();
  const all: Promise<void>[] = [];
  for (const group of order) {
    const turn = before;
    const kills = group.map((container) =>
      killer.kill({
        pod,
        container: specOf(pod, container.name),
        containerId: container.id,
        podIp: observedIps(observed)[0] ?? pod.status?.hostIP ?? '',
        events: request.events,
        gracePeriodSeconds: request.gracePeriodSeconds,
        turn,
        ...(request.signal === undefined ? {} : { signal: request.signal }),
      }),
    );
    all.push(...kills);
    before = Promise.allSettled([turn, ...kills]).then(() => {});
  }
  const outcomes = await Promise.allSettled(all);
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}

/** Groups that stop one after the other. */
function stopOrder(pod: Pod, alive: readonly ObservedContainer[]): ObservedContainer[][] {
  const sidecars = (pod.spec?.initContainers ?? []).filter(isSidecar).map(({ name }) => name);
  const first = alive.filter(({ name }) => !sidecars.includes(name));
  const later = sidecars
    .toReversed()
    .map((sidecar) => alive.filter(({ name }) => name === sidecar));
  return [first, ...later].filter((group) => group.length > 0);
}

/** The spec of a container by name; a bare one when the pod does not name it any more. */
export function specOf(pod: Pod, name: string): Container {
  const { initContainers = [], containers = [], ephemeralContainers = [] } = pod.spec ?? {};
  const found = [...initContainers, ...containers, ...ephemeralContainers].find(
    (container) => container.name === name,
  );
  return found ?? { name };
}
