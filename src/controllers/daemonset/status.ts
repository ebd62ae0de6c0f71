/** What a DaemonSet reports. Upstream: updateDaemonSetStatus in pkg/controller/daemon, v1.36. */
import { isPodAvailable, isPodReady } from '#api/core/pod-helpers.ts';
import type { DaemonSet, DaemonSetStatus } from '#api/gen/apps-v1.ts';
import { withoutZeros } from '../shared/counts.ts';
import { oldestFirst } from './nodes.ts';
import type { World } from './plan.ts';
import { isUpdated } from './template.ts';

export type StatusFacts = Pick<World, 'set' | 'nodes' | 'pods' | 'hash' | 'nowMs'>;

/** Of each node that should have a Pod, the oldest one counts. */
export function daemonSetStatus({ set, nodes, pods, hash, nowMs }: StatusFacts): DaemonSetStatus {
  const minReadySeconds = set.spec?.minReadySeconds ?? 0;
  let [desired, misscheduled] = [0, 0];
  const serving = [];
  for (const [node, { shouldRun }] of nodes) {
    const [oldest] = oldestFirst(pods.get(node) ?? []);
    if (shouldRun) desired++;
    if (oldest === undefined) continue;
    if (shouldRun) serving.push(oldest);
    else misscheduled++;
  }
  const ready = serving.filter(isPodReady);
  const available = ready.filter((pod) => isPodAvailable(pod, minReadySeconds, nowMs)).length;
  return {
    currentNumberScheduled: serving.length,
    numberMisscheduled: misscheduled,
    desiredNumberScheduled: desired,
    numberReady: ready.length,
    ...kept(set),
    ...withoutZeros({
      updatedNumberScheduled: serving.filter((pod) => isUpdated(set, pod, hash)).length,
      numberAvailable: available,
      numberUnavailable: desired - available,
    }),
  };
}

function kept({ metadata, status }: DaemonSet): Partial<DaemonSetStatus> {
  const { generation } = metadata ?? {};
  const { collisionCount, conditions } = status ?? {};
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    ...(collisionCount === undefined ? {} : { collisionCount }),
    ...(conditions === undefined ? {} : { conditions }),
  };
}
