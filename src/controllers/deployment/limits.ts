/**
 * How far a rolling update may go: maxSurge and maxUnavailable as numbers of Pods.
 *
 * Upstream: ResolveFenceposts and its users in pkg/controller/deployment/util/deployment_util.go, v1.36.
 */
import type { Deployment } from '#api/gen/apps-v1.ts';
import { scaledValue } from '../shared/scaled-value.ts';

const UNLIMITED = 0x7fffffff;

export function desiredReplicas(deployment: Deployment): number {
  return deployment.spec?.replicas ?? 1;
}

export function isRollingUpdate(deployment: Deployment): boolean {
  return (deployment.spec?.strategy?.type ?? 'RollingUpdate') === 'RollingUpdate';
}

/** Both limits as Pods. They are never both 0, or nothing could ever move. */
function fenceposts(deployment: Deployment): { surge: number; unavailable: number } {
  const { maxSurge, maxUnavailable } = deployment.spec?.strategy?.rollingUpdate ?? {};
  const replicas = desiredReplicas(deployment);
  const surge = scaledValue(maxSurge, replicas, 'up');
  const unavailable = scaledValue(maxUnavailable, replicas, 'down');
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

/** How many Pods there may be beyond the desired number. */
export function maxSurge(deployment: Deployment): number {
  return isRollingUpdate(deployment) ? fenceposts(deployment).surge : 0;
}

/** How many of the desired Pods may be missing. */
export function maxUnavailable(deployment: Deployment): number {
  const replicas = desiredReplicas(deployment);
  if (!isRollingUpdate(deployment) || replicas === 0) return 0;
  return Math.min(fenceposts(deployment).unavailable, replicas);
}

/** Seconds without progress after which the rollout counts as failed; undefined: never. */
export function progressDeadlineSeconds(deployment: Deployment): number | undefined {
  const seconds = deployment.spec?.progressDeadlineSeconds;
  return seconds === UNLIMITED ? undefined : seconds;
}

/** How many old ReplicaSets are kept; undefined: all. */
export function revisionHistoryLimit(deployment: Deployment): number | undefined {
  const limit = deployment.spec?.revisionHistoryLimit;
  return limit === UNLIMITED ? undefined : limit;
}
