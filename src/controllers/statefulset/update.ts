/**
 * Which Pods of an old revision a pass replaces, once all else is in order.
 *
 * One at a time from the highest number down to the partition, waiting for the one before; or, with
 * the gate MaxUnavailableStatefulSet (KEP-961), as many as may be unavailable at once.
 *
 * Upstream: updateStatefulSet and updateStatefulSetAfterInvariantEstablished in
 * pkg/controller/statefulset/stateful_set_control.go, v1.36.
 */
import type { StatefulSet } from '#api/gen/apps-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { scaledValue } from '../shared/scaled-value.ts';
import { replicasOf, revisionOf } from './identity.ts';
import { isTerminating, type Revisions } from './status.ts';

interface UpdateFacts {
  readonly set: StatefulSet;
  readonly revisions: Revisions;
  readonly allowsMaxUnavailable: boolean;
}

/** `replicas` in the order of their numbers. */
export function planUpdate(
  facts: UpdateFacts,
  replicas: readonly Pod[],
  isUnavailable: (pod: Pod) => boolean,
): Pod[] {
  const { set, revisions, allowsMaxUnavailable } = facts;
  const { type, rollingUpdate } = set.spec?.updateStrategy ?? {};
  if (type === 'OnDelete') return [];
  const fromTop = replicas.slice(rollingUpdate?.partition ?? 0).reverse();
  const isOld = (pod: Pod): boolean => revisionOf(pod) !== revisions.update && !isTerminating(pod);
  if (allowsMaxUnavailable) {
    const missing = replicas.filter(isUnavailable).length;
    return fromTop.filter(isOld).slice(0, Math.max(0, maxUnavailable(set) - missing));
  }
  const next = fromTop.find((pod) => isOld(pod) || isUnavailable(pod));
  return next !== undefined && isOld(next) ? [next] : [];
}

/** At least 1, whatever the percentage. */
export function maxUnavailable(set: StatefulSet): number {
  const { maxUnavailable: limit = 1 } = set.spec?.updateStrategy?.rollingUpdate ?? {};
  return Math.max(1, scaledValue(limit, replicasOf(set), 'down'));
}
