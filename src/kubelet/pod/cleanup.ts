/**
 * Removes what the runtime keeps of containers that ended.
 *
 * Of each container the last one that ended stays while the pod lives, for its exit and its log
 * (`kubectl logs --previous`). Upstream: pkg/kubelet/kuberuntime/kuberuntime_gc.go, v1.36.
 */
import type { NodeContext } from './node-context.ts';
import type { ObservedContainer, ObservedPod } from './observed.ts';

const KEPT_PER_CONTAINER_MAX = 1;

/** Containers that ended before the last that ended; sandboxes that hold nothing any more. */
export async function pruneContainers(node: NodeContext, observed: ObservedPod): Promise<void> {
  const ended = new Map<string, number>();
  const surplus: ObservedContainer[] = [];
  for (const container of observed.containers) {
    if (container.state !== 'exited') continue;
    const kept = ended.get(container.name) ?? 0;
    ended.set(container.name, kept + 1);
    if (kept >= KEPT_PER_CONTAINER_MAX) surplus.push(container);
  }
  const removed = new Set(surplus.map(({ id }) => id));
  for (const container of surplus) await removeContainer(node, container);
  for (const sandbox of observed.sandboxes.slice(1)) {
    const held = observed.containers.some(
      ({ id, sandboxId }) => sandboxId === sandbox.id && !removed.has(id),
    );
    if (!sandbox.ready && !held) {
      await node.cri.call('removePodSandbox', { podSandboxId: sandbox.id });
    }
  }
}

async function removeContainer(node: NodeContext, container: ObservedContainer): Promise<void> {
  await node.cri.call('removeContainer', { containerId: container.id });
  if (container.logPath !== '') await node.fileSystem.remove(container.logPath);
}

/** Everything of the pod. What is gone already is no error. */
export async function removeFromRuntime(node: NodeContext, observed: ObservedPod): Promise<void> {
  for (const { id } of observed.containers) {
    await node.cri.call('removeContainer', { containerId: id });
  }
  for (const { id } of observed.sandboxes) {
    await node.cri.call('stopPodSandbox', { podSandboxId: id });
    await node.cri.call('removePodSandbox', { podSandboxId: id });
  }
}
