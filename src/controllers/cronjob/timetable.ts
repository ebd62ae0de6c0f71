/**
 * When a schedule's times are: the next one after a point in time, in a time zone.
 *
 * A time that the clocks skip in spring does not happen; an hour that they repeat in autumn happens
 * twice. Upstream: the schedules of robfig/cron v3, as pkg/controller/cronjob of v1.36 uses them;
 * where the clocks skip midnight, that day is not lost here.
 */
import { parseSchedule, type Schedule, ScheduleError } from '#api/batch/schedule.ts';
import { isZone, type WallTime, Zone } from './zone.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
/** A schedule without a time in so many years has none: the 31st of February. */
const YEARS_MAX = 5;

export interface Timetable {
  /** The first time after `afterMs`, in milliseconds; undefined: there is none. */
  next(afterMs: number): number | undefined;
  /** The last time after `fromMs` that is not after `untilMs`; undefined: there is none. */
  last(fromMs: number, untilMs: number): number | undefined;
}

/**
 * Reads a schedule. `timeZone`: of the CronJob; UTC without. A schedule from old days may name its
 * zone itself (`TZ=…`). Throws ScheduleError with the parser's message.
 */
export function timetableOf(schedule: string, timeZone?: string): Timetable {
  const named = /^(?:CRON_)?TZ=(\S*)\s+(.*)$/.exec(schedule);
  if (named === null && /^(CRON_)?TZ=/.test(schedule))
    throw new ScheduleError('invalid schedule format: no schedule after the time zone');
  const [, zoneName = timeZone ?? 'UTC', text = schedule] = named ?? [];
  const parsed = parseSchedule(text.trim());
  if ('everyMs' in parsed) return everyTable(parsed.everyMs);
  return cronTable(parsed, zoneOf(zoneName));
}

function zoneOf(name: string): Zone {
  if (isZone(name)) return new Zone(name);
  throw new ScheduleError(`provided bad location ${name}: unknown time zone ${name}`);
}

/** Counted from wherever it is asked: such a schedule knows no clock. */
function everyTable(everyMs: number): Timetable {
  const next = (afterMs: number): number => floor(afterMs, SECOND_MS) + everyMs;
  return {
    next,
    last: (fromMs, untilMs) => {
      const count = Math.floor((untilMs - floor(fromMs, SECOND_MS)) / everyMs);
      return count < 1 ? undefined : floor(fromMs, SECOND_MS) + count * everyMs;
    },
  };
}

function cronTable(schedule: Schedule, zone: Zone): Timetable {
  const next = (afterMs: number): number | undefined => nextTime(schedule, afterMs, zone);
  return { next, last: (fromMs, untilMs) => lastTime(next, fromMs, untilMs) };
}

function floor(ms: number, unitMs: number): number {
  return Math.floor(ms / unitMs) * unitMs;
}

function nextTime(schedule: Schedule, afterMs: number, zone: Zone): number | undefined {
  let at = floor(afterMs, MINUTE_MS) + MINUTE_MS;
  const yearMax = zone.wallTime(floor(afterMs, SECOND_MS) + SECOND_MS).year + YEARS_MAX;
  for (;;) {
    const wall = zone.wallTime(at);
    if (wall.year > yearMax) return undefined;
    const later = laterStart(schedule, wall, { at, zone });
    if (later === undefined) return at;
    at = later;
  }
}

/** The beginning of the next month, day, hour or minute, whichever does not match; else undefined. */
function laterStart(
  schedule: Schedule,
  { year, month, day, weekday, hour, minute, second }: WallTime,
  { at, zone }: { readonly at: number; readonly zone: Zone },
): number | undefined {
  if (!schedule.months.has(month)) return zone.startOfDay(year, month + 1, 1);
  if (!dayMatches(schedule, day, weekday)) return zone.startOfDay(year, month, day + 1);
  if (!schedule.hours.has(hour)) return at - minute * MINUTE_MS - second * SECOND_MS + HOUR_MS;
  const isMinute = schedule.minutes.has(minute) && second === 0;
  return isMinute ? undefined : at - second * SECOND_MS + MINUTE_MS;
}

/** Two restrictions on days are alternatives; a star is none. */
function dayMatches(
  { daysOfMonth, daysOfWeek, anyDayOfMonth, anyDayOfWeek }: Schedule,
  day: number,
  weekday: number,
): boolean {
  const [byDay, byWeekday] = [daysOfMonth.has(day), daysOfWeek.has(weekday)];
  return anyDayOfMonth || anyDayOfWeek ? byDay && byWeekday : byDay || byWeekday;
}

/** By halves: a schedule of every minute that was asleep for years has millions of times. */
function lastTime(
  next: (afterMs: number) => number | undefined,
  fromMs: number,
  untilMs: number,
): number | undefined {
  const first = next(fromMs);
  if (first === undefined || first > untilMs) return undefined;
  let [found, end] = [first, untilMs];
  while (end - found > SECOND_MS) {
    const middle = found + Math.floor((end - found) / 2);
    const time = next(middle);
    if (time !== undefined && time <= untilMs) found = time;
    else end = middle;
  }
  return found;
}
