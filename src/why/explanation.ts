/** Why something is as it is: a sentence, what it comes from, and what would change it. */
import type { Event } from '#api/gen/core-v1.ts';
import type { LastAttempt } from './last-attempt.ts';

export interface Cause {
  /** `container "web"`, `finalizer example.com/backup`, `Insufficient cpu` */
  readonly what: string;
  readonly detail: string;
}

export interface Explanation {
  readonly sentence: string;
  readonly causes: readonly Cause[];
  /** What would help, the smallest change first; empty when nothing is wrong or nobody knows. */
  readonly remedies: readonly string[];
  /** What the explanation rests on that may not be so. */
  readonly note?: string;
  /** Of a pod without a node, where the one who explains knows the scheduler. */
  readonly lastAttempt?: LastAttempt;
}

/** The newest event with one of `reasons`, whose field path starts with `fieldPath` where given. */
export function newestEvent(
  events: readonly Event[],
  reasons: readonly string[],
  fieldPath = '',
): Event | undefined {
  return events
    .filter(({ reason }) => reasons.includes(reason ?? ''))
    .filter(({ involvedObject }) => (involvedObject.fieldPath ?? '').startsWith(fieldPath))
    .toSorted((a, b) => timeOf(b) - timeOf(a))[0];
}

function timeOf({ lastTimestamp, eventTime, metadata, series }: Event): number {
  const text =
    series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? metadata?.creationTimestamp ?? '';
  return Date.parse(text) || 0;
}

/** `3m`, `2h`, `45s`: rounded down, as kubectl shows ages. */
export function ageText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)}d`;
}

/** `a`, `a and b`, `a, b and c` */
export function listText(words: readonly string[]): string {
  return words.length < 2
    ? (words[0] ?? '')
    : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}
