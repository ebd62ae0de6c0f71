/**
 * How far a rolling update of a DaemonSet may go. Upstream: SurgeCount and UnavailableCount in
 * pkg/controller/daemon/util/daemonset_util.go, updatedDesiredNodeCounts in update.go, v1.36.
 */
import type { DaemonSet } from '#api/gen/apps-v1.ts';
import { scaledValue } from '../shared/scaled-value.ts';

export interface Limits {
  /** Nodes that may have a second Pod. */
  readonly surge: number;
  /** Nodes that may be without an available Pod. */
  readonly unavailable: number;
}

/** For `desired` nodes; percentages are rounded up. Never both 0, or nothing could ever move. */
export function limitsOf(set: DaemonSet, desired: number): Limits {
  const { type, rollingUpdate } = set.spec?.updateStrategy ?? {};
  if (type !== 'RollingUpdate') return { surge: 0, unavailable: 0 };
  const surge = scaledValue(rollingUpdate?.maxSurge, desired, 'up');
  const unavailable = scaledValue(rollingUpdate?.maxUnavailable, desired, 'up');
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

/** Whether a node may have an old and a new Pod at once. */
export function allowsSurge(set: DaemonSet): boolean {
  return limitsOf(set, 1).surge > 0;
}
