/**
 * What a Deployment reports: counts, and the conditions Available, Progressing and ReplicaFailure.
 *
 * Upstream: calculateStatus in pkg/controller/deployment/sync.go, progress.go, and the conditions of
 * util/deployment_util.go, v1.36.
 */
import type {
  Deployment,
  DeploymentCondition,
  DeploymentStatus,
  ReplicaSet,
} from '#api/gen/apps-v1.ts';
import { timeText } from '#api/meta/time.ts';
import { withoutZeros } from '../shared/counts.ts';
import { desiredReplicas, maxUnavailable, progressDeadlineSeconds } from './limits.ts';
import { isComplete } from './plan.ts';
import { totalAvailable, totalReplicas } from './replica-sets.ts';

export interface Observed {
  /** With the conditions that this pass has already set. */
  readonly deployment: Deployment;
  readonly newRs: ReplicaSet | undefined;
  readonly oldRss: readonly ReplicaSet[];
  readonly nowMs: number;
}

interface NewCondition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

export function conditionOf(
  conditions: readonly DeploymentCondition[] | undefined,
  type: string,
): DeploymentCondition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/** Sets a condition; one with the same status and reason is left as it is. */
export function withCondition(
  conditions: readonly DeploymentCondition[],
  next: NewCondition,
  nowMs: number,
): DeploymentCondition[] {
  const known = conditionOf(conditions, next.type);
  if (known?.status === next.status && known.reason === next.reason) return [...conditions];
  const now = timeText(nowMs);
  const transition = known?.status === next.status ? (known.lastTransitionTime ?? now) : now;
  return [
    ...without(conditions, next.type),
    { ...next, lastUpdateTime: now, lastTransitionTime: transition },
  ];
}

function without(conditions: readonly DeploymentCondition[], type: string): DeploymentCondition[] {
  return conditions.filter((condition) => condition.type !== type);
}

/**
 * A pause must not count as lack of progress: Progressing is Unknown from the pause on, and starts
 * anew when the Deployment is resumed. One that is being deleted makes no progress any more.
 */
export function withPause(deployment: Deployment, nowMs: number): DeploymentCondition[] {
  const conditions = deployment.status?.conditions ?? [];
  const isGoing = deployment.metadata?.deletionTimestamp !== undefined;
  if (isGoing || progressDeadlineSeconds(deployment) === undefined) return conditions;
  const progressing = conditionOf(conditions, 'Progressing');
  if (progressing?.reason === 'ProgressDeadlineExceeded') return conditions;
  const wasPaused = progressing?.reason === 'DeploymentPaused';
  const paused = deployment.spec?.paused === true;
  if (paused === wasPaused) return conditions;
  const [reason, message] = paused
    ? ['DeploymentPaused', 'Deployment is paused']
    : ['DeploymentResumed', 'Deployment is resumed'];
  return withCondition(
    conditions,
    { type: 'Progressing', status: 'Unknown', reason, message },
    nowMs,
  );
}

/** Counts and availability, as after any pass. */
export function deploymentStatus({ deployment, newRs, oldRss, nowMs }: Observed): DeploymentStatus {
  const all = newRs === undefined ? oldRss : [...oldRss, newRs];
  const available = totalAvailable(all);
  const sum = (count: (status: NonNullable<ReplicaSet['status']>) => number | undefined): number =>
    all.reduce((total, rs) => total + (rs.status === undefined ? 0 : (count(rs.status) ?? 0)), 0);
  const terminating = terminatingReplicas(all);
  const { generation } = deployment.metadata ?? {};
  const { collisionCount, conditions = [] } = deployment.status ?? {};
  const enough = available >= desiredReplicas(deployment) - maxUnavailable(deployment);
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    ...withoutZeros({
      replicas: sum((status) => status.replicas),
      updatedReplicas: newRs?.status?.replicas ?? 0,
      readyReplicas: sum((status) => status.readyReplicas),
      availableReplicas: available,
      unavailableReplicas: Math.max(0, totalReplicas(all) - available),
    }),
    ...(terminating === undefined ? {} : { terminatingReplicas: terminating }),
    ...(collisionCount === undefined ? {} : { collisionCount }),
    conditions: withCondition(conditions, availability(enough), nowMs),
  };
}

function availability(enough: boolean): NewCondition {
  return enough
    ? {
        type: 'Available',
        status: 'True',
        reason: 'MinimumReplicasAvailable',
        message: 'Deployment has minimum availability.',
      }
    : {
        type: 'Available',
        status: 'False',
        reason: 'MinimumReplicasUnavailable',
        message: 'Deployment does not have minimum availability.',
      };
}

/** Unknown (undefined) while a ReplicaSet that was reconciled does not report the number. */
function terminatingReplicas(all: readonly ReplicaSet[]): number | undefined {
  let total = 0;
  for (const { status } of all) {
    if (status?.terminatingReplicas !== undefined) total += status.terminatingReplicas;
    else if ((status?.observedGeneration ?? 0) > 0) return undefined;
  }
  return total;
}

/** The status during a rollout: as above, with progress and the failures of ReplicaSets. */
export function rolloutStatus(observed: Observed): DeploymentStatus {
  const status = deploymentStatus(observed);
  const conditions = withFailure(withProgress(observed, status), observed);
  return { ...status, conditions };
}

function withProgress(observed: Observed, status: DeploymentStatus): DeploymentCondition[] {
  const { deployment, nowMs } = observed;
  const conditions = status.conditions ?? [];
  if (progressDeadlineSeconds(deployment) === undefined) return without(conditions, 'Progressing');
  const current = conditionOf(deployment.status?.conditions, 'Progressing');
  const done =
    status.replicas === status.updatedReplicas && current?.reason === 'NewReplicaSetAvailable';
  if (done) return conditions;
  const subject = subjectOf(observed);
  if (isComplete(deployment, status)) {
    const reason = 'NewReplicaSetAvailable';
    const message = `${subject} has successfully progressed.`;
    return withCondition(
      conditions,
      { type: 'Progressing', status: 'True', reason, message },
      nowMs,
    );
  }
  if (hasProgressed(deployment.status, status)) {
    // Renewed even when nothing but the time changes: the deadline counts from the last progress.
    const now = timeText(nowMs);
    const reason = 'ReplicaSetUpdated';
    const transition = current?.status === 'True' ? (current.lastTransitionTime ?? now) : now;
    const message = `${subject} is progressing.`;
    return [
      ...without(conditions, 'Progressing'),
      {
        type: 'Progressing',
        status: 'True',
        reason,
        message,
        lastUpdateTime: now,
        lastTransitionTime: transition,
      },
    ];
  }
  if (!hasTimedOut(deployment, conditions, nowMs)) return conditions;
  const reason = 'ProgressDeadlineExceeded';
  const message = `${subject} has timed out progressing.`;
  return withCondition(
    conditions,
    { type: 'Progressing', status: 'False', reason, message },
    nowMs,
  );
}

function subjectOf({ deployment, newRs }: Observed): string {
  const [kind, name] =
    newRs === undefined
      ? ['Deployment', deployment.metadata?.name]
      : ['ReplicaSet', newRs.metadata?.name];
  return `${kind} ${JSON.stringify(name ?? '')}`;
}

/** More new Pods, fewer old ones, or more that are ready or available. */
function hasProgressed(before: DeploymentStatus = {}, after: DeploymentStatus): boolean {
  const old = (status: DeploymentStatus): number =>
    (status.replicas ?? 0) - (status.updatedReplicas ?? 0);
  return (
    (after.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    old(after) < old(before) ||
    (after.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (after.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  );
}

function hasTimedOut(
  deployment: Deployment,
  conditions: readonly DeploymentCondition[],
  nowMs: number,
): boolean {
  const progressing = conditionOf(conditions, 'Progressing');
  const deadline = progressDeadlineSeconds(deployment);
  if (progressing === undefined || deadline === undefined) return false;
  if (progressing.reason === 'NewReplicaSetAvailable') return false;
  if (progressing.reason === 'ProgressDeadlineExceeded') return true;
  return Date.parse(progressing.lastUpdateTime ?? '') + deadline * 1000 < nowMs;
}

/** The first failure of a ReplicaSet, of the new one by preference. */
function withFailure(
  conditions: readonly DeploymentCondition[],
  { newRs, oldRss, nowMs }: Observed,
): DeploymentCondition[] {
  const all = newRs === undefined ? oldRss : [newRs, ...oldRss];
  const failure = all
    .flatMap((rs) => rs.status?.conditions ?? [])
    .find((condition) => condition.type === 'ReplicaFailure');
  if (failure === undefined) return without(conditions, 'ReplicaFailure');
  const known = conditionOf(conditions, 'ReplicaFailure');
  if (known?.status === failure.status && known.reason === failure.reason) return [...conditions];
  const when = failure.lastTransitionTime ?? timeText(nowMs);
  const transition = known?.status === failure.status ? (known.lastTransitionTime ?? when) : when;
  return [
    ...without(conditions, 'ReplicaFailure'),
    { ...failure, lastUpdateTime: when, lastTransitionTime: transition },
  ];
}

/** When to look again for a rollout that may be stuck; undefined: an event will wake it. */
export function progressCheckMs(
  deployment: Deployment,
  status: DeploymentStatus,
  nowMs: number,
): number | undefined {
  const deadline = progressDeadlineSeconds(deployment);
  const current = conditionOf(status.conditions, 'Progressing');
  if (deadline === undefined || current === undefined) return undefined;
  if (isComplete(deployment, status) || current.reason === 'ProgressDeadlineExceeded')
    return undefined;
  const afterMs = Date.parse(current.lastUpdateTime ?? '') + deadline * 1000 - nowMs;
  // A second later than the deadline, because conditions carry whole seconds.
  return Math.max(0, afterMs) + 1000;
}
