/** A pod that waits for a place, as the parts of the queue know it. */
import type { PodInfo, QueuedPod } from '../framework.ts';

export interface Waiting extends QueuedPod {
  info: PodInfo;
  sinceMs: number;
  /** `gone`: it was removed, and is passed over where it still lies. */
  state: 'active' | 'backoff' | 'unschedulable' | 'running' | 'gone';
  rejectors: Set<string>;
  pending: ReadonlySet<string>;
  /** The plug-in that does not let it be tried at all. */
  gatedBy?: string;
  /** Times it was taken to be tried, and when that was last. */
  attempts: number;
  beganMs: number;
  /** When it could first be tried; undefined: not yet. */
  firstMs: number | undefined;
  /** Times it was refused, and times in a row that the attempt itself failed. */
  refusals: number;
  errors: number;
  /** Monotonic time until which it backs off. */
  backoffUntilMs: number;
}

/** A pod that nobody has tried yet. `order`: its place among all that ever came. */
export function newWaiting(info: PodInfo, order: number, nowMs: number): Waiting {
  return {
    info,
    order,
    sinceMs: nowMs,
    state: 'unschedulable',
    rejectors: new Set(),
    pending: new Set(),
    attempts: 0,
    beganMs: 0,
    firstMs: undefined,
    refusals: 0,
    errors: 0,
    backoffUntilMs: 0,
  };
}
