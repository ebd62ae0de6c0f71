/** A part of the fork's life: before the change, or after it. Times are the environment's `elapsedMs`. */
import type { PodLife } from './observer.ts';

export interface Phase {
  readonly fromMs: number;
  readonly untilMs: number;
}

function isIn({ fromMs, untilMs }: Phase, atMs: number | undefined): boolean {
  return atMs !== undefined && atMs >= fromMs && atMs < untilMs;
}

export function isMadeIn(phase: Phase, { isFound, seenMs }: PodLife): boolean {
  return !isFound && isIn(phase, seenMs);
}

export function isDeletedIn(phase: Phase, { deletedMs }: PodLife): boolean {
  return isIn(phase, deletedMs);
}

/** It became ready, or ceased to be. */
export function isTurnedIn(phase: Phase, { turnedMs }: PodLife): boolean {
  return isIn(phase, turnedMs);
}

/** Seconds after the phase began, to the tenth. */
export function secondsIn({ fromMs }: Phase, atMs: number): number {
  return Math.round((atMs - fromMs) / 100) / 10;
}
