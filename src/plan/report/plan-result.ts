/**
 * The answer of `cox plan`, as `-o json` and `-o yaml` give it. Times are seconds of virtual time
 * after the change was made.
 */
import type { Json } from '#api/meta/object.ts';

export interface ObjectName {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

export interface PlannedField {
  readonly path: string;
  /** Absent: the field was not there. */
  readonly old?: Json;
  /** Absent: the field would go. */
  readonly new?: Json;
}

export interface PlannedObject extends ObjectName {
  readonly action: 'created' | 'changed' | 'deleted' | 'unchanged';
  /** Whether the change itself names it; else it follows from the change. */
  readonly asked: boolean;
  /** Of what is changed: not the status. Values of Secrets are left out. */
  readonly fields?: readonly PlannedField[];
  readonly notes?: readonly string[];
  /** `the change`, or the components that did it. */
  readonly by?: readonly string[];
}

export interface PlannedRefusal {
  /** What was asked for: `apply Deployment shop/web`, `evict Pod shop/web-0`. */
  readonly request: string;
  /** Where it stands: `web.yaml`, document 2. */
  readonly source?: string;
  /** The Status: `Invalid`, `Forbidden`, `TooManyRequests`. */
  readonly reason: string;
  readonly message: string;
}

export interface PodPlace {
  readonly name: string;
  readonly node?: string;
}

export interface PlannedPod extends PodPlace {
  /**
   * `moved`: another pod of its workload took its place on another node; `replaced`: on the same
   * node; `started`: it had waited before; `passing`: came and went.
   */
  readonly action: 'created' | 'deleted' | 'moved' | 'replaced' | 'started' | 'passing';
  readonly namespace: string;
  /** `Deployment web` */
  readonly workload?: string;
  /** The pod whose place it took. */
  readonly before?: PodPlace;
  readonly atSeconds: number;
}

export interface PlannedEviction extends PodPlace {
  readonly namespace: string;
  readonly workload?: string;
  /** `PreemptionByScheduler`, `EvictionByEvictionAPI`, `DeletionByTaintManager` */
  readonly reason: string;
  /** Which pod, or what, it had to give way to. */
  readonly by: string;
  readonly atSeconds: number;
  /** How long a budget held the eviction up. */
  readonly waitedSeconds?: number;
}

/** A pod that is not ready at rest, and was not there, or was ready, before. */
export interface PlannedPending extends PodPlace {
  readonly namespace: string;
  readonly workload?: string;
  readonly sentence: string;
  readonly remedies: readonly string[];
}

export interface PlannedCapacity {
  readonly workload: string;
  readonly namespace: string;
  /** The fewest ready pods, of those that were ready before and still wanted. */
  readonly least: number;
  readonly of: number;
  readonly fromSeconds: number;
  /** Absent: it stays so. */
  readonly untilSeconds?: number;
  readonly totalSeconds: number;
}

/** A disruption budget that would allow fewer evictions than before, for some time. */
export interface PlannedBudget {
  readonly namespace: string;
  readonly name: string;
  readonly allowedBefore: number;
  readonly least: number;
}

export interface Consequences {
  /** Requests; of components those that still fail at rest. */
  readonly refused: readonly PlannedRefusal[];
  readonly objects: readonly PlannedObject[];
  readonly pods: readonly PlannedPod[];
  readonly evictions: readonly PlannedEviction[];
  readonly pending: readonly PlannedPending[];
  readonly capacity: readonly PlannedCapacity[];
  readonly budgets: readonly PlannedBudget[];
}

export interface NotSimulated {
  readonly what: string;
  readonly why: string;
}

export interface Plan extends Consequences {
  readonly apiVersion: 'plan.coxswain.dev/v1alpha1';
  readonly kind: 'Plan';
  readonly summary: string;
  /** Whether the fork came to rest within the limit; what is told is of then. */
  readonly rests: boolean;
  /** What keeps it moving; absent when it rests. */
  readonly moving?: readonly string[];
  readonly durationSeconds: number;
  /** What was about to happen anyway. */
  readonly withoutChange: Consequences;
  readonly notSimulated: readonly NotSimulated[];
  /** What was taken for granted. */
  readonly assumptions: readonly string[];
}
