/**
 * What one pass of a StatefulSet does, decided without doing it.
 *
 *   1 replicas    each Pod in range is created, replaced when it has ended, or repaired
 *   2 claims      those of Pods beyond the range get their owners
 *   3 condemned   Pods beyond the range go, the highest first
 *   4 update      Pods of an old revision go, the highest first, down to the partition
 *
 * In order (OrderedReady) one Pod at a time changes, and whatever must be waited for ends the pass;
 * in parallel nothing is waited for but a step that failed. Pods that were never ready hold an
 * ordered rollout up even when the template has been mended: they must be deleted by hand.
 *
 * Upstream: updateStatefulSet in pkg/controller/statefulset/stateful_set_control.go, v1.36.
 */
import { isPodAvailable } from '#api/core/pod-helpers.ts';
import type { StatefulSet } from '#api/gen/apps-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { type ClaimOf, type ClaimPlan, hasStaleClaim, planClaims } from './claims.ts';
import {
  identityMatches,
  isInRange,
  newPod,
  ordinalOf,
  repaired,
  replicasOf,
  startOrdinal,
  storageMatches,
} from './identity.ts';
import { isCreated, isRunningAndReady, isTerminating, type Revisions } from './status.ts';
import { planUpdate } from './update.ts';

/** One change to one Pod or its claims. */
export type Step =
  | { readonly do: 'delete'; readonly pod: Pod }
  | { readonly do: 'create'; readonly pod: Pod; readonly claims: ClaimPlan }
  /** Creates claims that are missing, and sets owners. */
  | { readonly do: 'claims'; readonly pod: Pod; readonly claims: ClaimPlan }
  /** Sets owners alone. Of a Pod that stays an event says so. */
  | {
      readonly do: 'owners';
      readonly pod: Pod;
      readonly claims: ClaimPlan;
      readonly isTold: boolean;
    }
  /** Writes the Pod as it must be. */
  | { readonly do: 'repair'; readonly pod: Pod; readonly claims: ClaimPlan };

export interface Plan {
  /** Steps one after the other; else those of a phase go together, few at first. */
  readonly isOrdered: boolean;
  /** A phase begins when all steps of the one before are done. */
  readonly phases: readonly (readonly Step[])[];
  /** Deletions for an update, after all phases, one after the other. */
  readonly updates: readonly Pod[];
  /** All Pods that count: those in range, to be created too, and those beyond. */
  readonly pods: readonly Pod[];
  /** Of the Pods in range; undefined when the pass does not come to updates. */
  readonly unavailable: number | undefined;
}

export interface World {
  readonly set: StatefulSet;
  /** The set with the templates of the two revisions. */
  readonly currentSet: StatefulSet;
  readonly updateSet: StatefulSet;
  readonly revisions: Revisions;
  readonly pods: readonly Pod[];
  readonly claimOf: ClaimOf;
  readonly nowMs: number;
  /** Gate MaxUnavailableStatefulSet. */
  readonly allowsMaxUnavailable: boolean;
}

/** What a Pod needs now, and whether an ordered pass ends here. */
interface Turn {
  readonly steps: readonly Step[];
  readonly blocks: boolean;
}

export function planStatefulSet(world: World): Plan {
  const { set, pods } = world;
  const replicas = replicasIn(world);
  const condemned = pods
    .filter((pod) => ordinalOf(pod) >= 0 && !isInRange(set, pod))
    .sort((a, b) => ordinalOf(b) - ordinalOf(a));
  const isOrdered = set.spec?.podManagementPolicy !== 'Parallel';
  const all = [...replicas, ...condemned];
  const nothing = { isOrdered, phases: [], updates: [] };

  const firstUnhealthy = [...replicas, ...condemned.toReversed()].find((pod) =>
    isUnavailable(world, pod),
  );
  const phases: Step[][] = [];
  for (const turns of [
    replicas.map((pod) => () => replicaTurn(world, pod, isOrdered)),
    condemned.map((pod) => () => ownersTurn(world, pod)),
    condemned.map((pod) => () => condemnedTurn(world, pod, { isOrdered, firstUnhealthy })),
  ]) {
    const steps: Step[] = [];
    phases.push(steps);
    for (const turn of turns) {
      const { steps: own, blocks } = turn();
      steps.push(...own);
      if (blocks && isOrdered) return { ...nothing, phases, pods: all, unavailable: undefined };
    }
  }
  const updates = planUpdate(world, replicas, (pod) => isUnavailable(world, pod));
  const unavailable =
    set.spec?.updateStrategy?.type === 'OnDelete'
      ? undefined
      : replicas.filter((pod) => isUnavailable(world, pod)).length;
  return { isOrdered, phases, updates, pods: all, unavailable };
}

/** One Pod for each number: the one that is there, or the one to be made. */
function replicasIn(world: World): Pod[] {
  const { set, pods } = world;
  const byOrdinal = new Map(
    pods.filter((pod) => isInRange(set, pod)).map((pod) => [ordinalOf(pod), pod]),
  );
  const start = startOrdinal(set);
  return Array.from(
    { length: replicasOf(set) },
    (_, nth) => byOrdinal.get(start + nth) ?? podOfRevision(world, start + nth),
  );
}

/** A new Pod: of the current revision below the partition, else of the new one. */
function podOfRevision({ set, currentSet, updateSet, revisions }: World, ordinal: number): Pod {
  const { type, rollingUpdate } = set.spec?.updateStrategy ?? {};
  const current =
    rollingUpdate === undefined
      ? type === 'RollingUpdate'
        ? (set.status?.currentReplicas ?? 0)
        : 0
      : (rollingUpdate.partition ?? 0);
  return ordinal < startOrdinal(set) + current
    ? newPod(currentSet, ordinal, revisions.current)
    : newPod(updateSet, ordinal, revisions.update);
}

function isAvailable({ set, nowMs }: World, pod: Pod): boolean {
  return isPodAvailable(pod, set.spec?.minReadySeconds ?? 0, nowMs);
}

function isUnavailable(world: World, pod: Pod): boolean {
  return !isAvailable(world, pod) || isTerminating(pod);
}

function replicaTurn(world: World, pod: Pod, isOrdered: boolean): Turn {
  const { set, claimOf } = world;
  const { phase } = pod.status ?? {};
  // Whatever the exit code was: a Pod that was evicted or whose node restarted may have either.
  if (phase === 'Failed' || phase === 'Succeeded')
    return { steps: isTerminating(pod) ? [] : [{ do: 'delete', pod }], blocks: true };
  const claims = planClaims(set, pod, claimOf);
  if (!isCreated(pod)) {
    const mustWait = hasStaleClaim(set, pod, claimOf);
    return { steps: mustWait ? [] : [{ do: 'create', pod, claims }], blocks: true };
  }
  const steps: Step[] = [];
  if (phase === 'Pending' && hasWork(claims)) steps.push({ do: 'claims', pod, claims });
  if (isOrdered && (isTerminating(pod) || !isRunningAndReady(pod) || !isAvailable(world, pod)))
    return { steps, blocks: true };
  const isWhole = identityMatches(set, pod) && storageMatches(set, pod);
  if (!isWhole) steps.push({ do: 'repair', pod: repaired(set, pod), claims });
  else if (steps.length === 0 && claims.updates.length > 0)
    steps.push({ do: 'owners', pod, claims, isTold: true });
  return { steps, blocks: false };
}

function hasWork({ creates, going, updates, conflicts }: ClaimPlan): boolean {
  return creates.length + going.length + updates.length + conflicts.length > 0;
}

function ownersTurn({ set, claimOf }: World, pod: Pod): Turn {
  const claims = planClaims(set, pod, claimOf);
  const isRight = claims.updates.length === 0;
  const steps: Step[] = isRight ? [] : [{ do: 'owners', pod, claims, isTold: false }];
  return { steps, blocks: false };
}

function condemnedTurn(
  world: World,
  pod: Pod,
  { isOrdered, firstUnhealthy }: { isOrdered: boolean; firstUnhealthy: Pod | undefined },
): Turn {
  if (isTerminating(pod)) return { steps: [], blocks: true };
  const isHealthy = isRunningAndReady(pod) && isAvailable(world, pod);
  if (isOrdered && !isHealthy && pod !== firstUnhealthy) return { steps: [], blocks: true };
  return { steps: [{ do: 'delete', pod }], blocks: true };
}
