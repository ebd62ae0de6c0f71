/**
 * What a StatefulSet reports, and what it asks of a Pod to count it. Conditions, which are others',
 * stay (upstream forgets them).
 *
 * Upstream: computeReplicaStatus and completeRollingUpdate in
 * pkg/controller/statefulset/stateful_set_control.go and stateful_set_utils.go, v1.36.
 */
import { isPodAvailable, isPodReady } from '#api/core/pod-helpers.ts';
import type { StatefulSet, StatefulSetStatus } from '#api/gen/apps-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { withoutZeros } from '../shared/counts.ts';
import { replicasOf, revisionOf } from './identity.ts';

export function isTerminating(pod: Pod): boolean {
  return pod.metadata?.deletionTimestamp !== undefined;
}

/** A Pod that the server has; those that a plan will make have no phase. */
export function isCreated(pod: Pod): boolean {
  return (pod.status?.phase ?? '') !== '';
}

export function isRunningAndReady(pod: Pod): boolean {
  return pod.status?.phase === 'Running' && isPodReady(pod);
}

export interface StatusFacts {
  readonly set: StatefulSet;
  readonly pods: readonly Pod[];
  readonly revisions: Revisions;
  /** Pods that this pass has deleted for an update: of the current revision no more. */
  readonly updated: number;
  readonly nowMs: number;
}

/** Names of revisions, and how often a name was taken. */
export interface Revisions {
  readonly current: string;
  readonly update: string;
  readonly collisionCount: number;
}

export function statefulSetStatus(facts: StatusFacts): StatefulSetStatus {
  const { set, pods, revisions, updated, nowMs } = facts;
  const { current, update, collisionCount } = revisions;
  const minReadySeconds = set.spec?.minReadySeconds ?? 0;
  const ready = pods.filter(isRunningAndReady);
  const kept = pods.filter((pod) => isCreated(pod) && !isTerminating(pod));
  const ofRevision = (name: string): number =>
    kept.filter((pod) => revisionOf(pod) === name).length;
  const { generation } = set.metadata ?? {};
  const { conditions } = set.status ?? {};
  return completed(set, {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    replicas: pods.filter(isCreated).length,
    ...withoutZeros({
      readyReplicas: ready.length,
      currentReplicas: Math.max(0, ofRevision(current) - updated),
      updatedReplicas: ofRevision(update),
    }),
    ...(current === '' ? {} : { currentRevision: current }),
    ...(update === '' ? {} : { updateRevision: update }),
    collisionCount,
    ...(conditions === undefined ? {} : { conditions }),
    availableReplicas: ready.filter((pod) => isPodAvailable(pod, minReadySeconds, nowMs)).length,
  });
}

/** When all Pods are of the new revision and ready, it is the current one. */
function completed(set: StatefulSet, status: StatefulSetStatus): StatefulSetStatus {
  const all = replicasOf(set);
  const { replicas, readyReplicas = 0, updatedReplicas = 0, updateRevision } = status;
  const done =
    set.spec?.updateStrategy?.type === 'RollingUpdate' &&
    [replicas, readyReplicas, updatedReplicas].every((count) => count === all);
  if (!done || updateRevision === undefined) return status;
  const { currentReplicas: _, ...rest } = status;
  return {
    ...rest,
    currentRevision: updateRevision,
    ...withoutZeros({ currentReplicas: updatedReplicas }),
  };
}
