/**
 * Which time of its schedule a CronJob should act on, and when it should look again. Pure.
 *
 * Upstream: mostRecentScheduleTime and nextScheduleTimeDuration in pkg/controller/cronjob/utils.go,
 * v1.36.
 */
import type { CronJob } from '#api/gen/batch-v1.ts';
import type { Timetable } from './timetable.ts';

/** More missed times than this are a fault that is told about. */
const MISSED_MAX = 100;
/** Clocks differ a little: better a moment late than early. */
const MARGIN_MS = 100;

export interface Missed {
  /** The last time that was acted on, or the CronJob's creation; not before the deadline. */
  readonly earliestMs: number;
  /** The newest time that is over; undefined: none. */
  readonly mostRecentMs: number | undefined;
  /** The one before that, should it have been missed too. */
  readonly beforeMs?: number | undefined;
  readonly count: 'none' | 'few' | 'many';
  /** The schedule can be read, and has no times. */
  readonly error?: string;
}

/** `withDeadline`: what is older than `startingDeadlineSeconds` does not count. */
export function missedTimes(
  { metadata, spec, status }: CronJob,
  timetable: Timetable,
  { nowMs, withDeadline }: { readonly nowMs: number; readonly withDeadline: boolean },
): Missed {
  const sinceMs = Date.parse(status?.lastScheduleTime ?? metadata?.creationTimestamp ?? '');
  const deadlineSeconds = withDeadline ? spec?.startingDeadlineSeconds : undefined;
  const earliestMs =
    deadlineSeconds === undefined ? sinceMs : Math.max(sinceMs, nowMs - deadlineSeconds * 1000);
  const none: Missed = { earliestMs, mostRecentMs: undefined, count: 'none' };
  const error = 'time difference between two schedules is less than 1 second';
  const first = timetable.next(earliestMs);
  if (first === undefined) return { ...none, error };
  if (nowMs < first) return none;
  const second = timetable.next(first);
  if (second === undefined) return { ...none, error };
  if (nowMs < second) return { ...none, mostRecentMs: first };
  // Roughly how many: as if they were at equal distances. With uneven ones the estimate may step
  // over the last time, which is then left out, as upstream's own tests have it.
  const distanceMs = second - first;
  const missed = Math.floor((nowMs - first) / distanceMs) + 1;
  const fromMs = first + (missed - 2) * distanceMs;
  const mostRecentMs = timetable.last(fromMs, nowMs);
  const beforeMs =
    mostRecentMs === undefined
      ? undefined
      : timetable.last(Math.max(first - 1, fromMs - 2 * distanceMs), mostRecentMs - 1);
  return { earliestMs, mostRecentMs, beforeMs, count: missed > MISSED_MAX ? 'many' : 'few' };
}

/** Milliseconds until a moment after the next time; undefined: there is none. */
export function untilNextMs(
  cronJob: CronJob,
  timetable: Timetable,
  nowMs: number,
): number | undefined {
  const { earliestMs, mostRecentMs, count, error } = missedTimes(cronJob, timetable, {
    nowMs,
    withDeadline: false,
  });
  const isQuiet = error === undefined && count === 'none';
  const fromMs = (error === undefined ? mostRecentMs : nowMs) ?? (isQuiet ? earliestMs : nowMs);
  const next = timetable.next(fromMs);
  return next === undefined ? undefined : next + MARGIN_MS - nowMs;
}
