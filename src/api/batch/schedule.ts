/**
 * Cron schedules: five fields (minute, hour, day of month, month, day of week), or a descriptor.
 *
 * Source: the syntax and messages of the parser that Kubernetes uses (robfig/cron v3, standard
 * parser); https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax.
 */
import { DurationError, parseDuration } from '../codec/duration.ts';

/** A text that is no schedule; the message is the parser's. */
export class ScheduleError extends Error {}

/** Allowed values of each field. `anyDay`: the field was a star. */
export interface Schedule {
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly daysOfMonth: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  readonly daysOfWeek: ReadonlySet<number>;
  readonly anyDayOfMonth: boolean;
  readonly anyDayOfWeek: boolean;
}

/** `@every 1h30m`: from one run to the next, in milliseconds. */
export interface Interval {
  readonly everyMs: number;
}

interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const MINUTES: Bounds = { min: 0, max: 59 };
const HOURS: Bounds = { min: 0, max: 23 };
const DAYS_OF_MONTH: Bounds = { min: 1, max: 31 };
const MONTHS_OF_YEAR: Bounds = { min: 1, max: 12, names: MONTHS };
const DAYS_OF_WEEK: Bounds = { min: 0, max: 6, names: DAYS };

const DESCRIPTORS: ReadonlyMap<string, string> = new Map([
  ['@yearly', '0 0 1 1 *'],
  ['@annually', '0 0 1 1 *'],
  ['@monthly', '0 0 1 * *'],
  ['@weekly', '0 0 * * 0'],
  ['@daily', '0 0 * * *'],
  ['@midnight', '0 0 * * *'],
  ['@hourly', '0 * * * *'],
]);
function parseNumber(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) {
    throw new ScheduleError(
      `failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  }
  const value = Number(text);
  if (value < 0) throw new ScheduleError(`negative number (${value}) not allowed: ${text}`);
  return value;
}

function parseValue(text: string, { min, names }: Bounds): number {
  const position = names?.indexOf(text.toLowerCase()) ?? -1;
  return position < 0 ? parseNumber(text) : position + min;
}

interface Part {
  readonly values: readonly number[];
  readonly star: boolean;
}

/** `*`, `5`, `1-5`, `10-20/5`, `3/4` */
function parsePart(text: string, bounds: Bounds): Part {
  const [range = '', stepText, ...moreSteps] = text.split('/');
  const [low = '', high, ...moreBounds] = range.split('-');
  const anything = low === '*' || low === '?';
  let start = anything ? bounds.min : parseValue(low, bounds);
  let end = anything ? bounds.max : high === undefined ? start : parseValue(high, bounds);
  if (!anything && moreBounds.length > 0) throw new ScheduleError(`too many hyphens: ${text}`);
  if (moreSteps.length > 0) throw new ScheduleError(`too many slashes: ${text}`);
  const step = stepText === undefined ? 1 : parseNumber(stepText);
  if (stepText !== undefined && high === undefined && !anything) end = bounds.max;
  if (start < bounds.min) {
    throw new ScheduleError(`beginning of range (${start}) below minimum (${bounds.min}): ${text}`);
  }
  if (end > bounds.max)
    throw new ScheduleError(`end of range (${end}) above maximum (${bounds.max}): ${text}`);
  if (start > end)
    throw new ScheduleError(`beginning of range (${start}) beyond end of range (${end}): ${text}`);
  if (step === 0) throw new ScheduleError(`step of range should be a positive number: ${text}`);
  const values: number[] = [];
  for (; start <= end; start += step) values.push(start);
  return { values, star: anything && step === 1 };
}

function parseField(
  text: string,
  bounds: Bounds,
): { readonly values: ReadonlySet<number>; readonly star: boolean } {
  const parts = text
    .split(',')
    .filter((part) => part !== '')
    .map((part) => parsePart(part, bounds));
  return {
    values: new Set(parts.flatMap(({ values }) => values)),
    star: parts.some(({ star }) => star),
  };
}

/** Whole seconds, and at least one: `-1h` is one second too. */
function parseEvery(text: string, descriptor: string): Interval {
  try {
    return { everyMs: Math.max(1, Math.floor(parseDuration(text) / 1e9)) * 1000 };
  } catch (error) {
    if (!(error instanceof DurationError)) throw error;
    throw new ScheduleError(`failed to parse duration ${descriptor}: ${error.message}`);
  }
}

/** Reads a schedule without a time zone. Throws ScheduleError. */
export function parseSchedule(text: string): Schedule | Interval {
  if (text === '') throw new ScheduleError('empty spec string');
  if (text.startsWith('@every ')) return parseEvery(text.slice('@every '.length), text);
  if (text.startsWith('@')) {
    const meaning = DESCRIPTORS.get(text);
    if (meaning === undefined) throw new ScheduleError(`unrecognized descriptor: ${text}`);
    return parseSchedule(meaning);
  }
  const fields = text.split(/\s+/).filter((field) => field !== '');
  if (fields.length !== 5) {
    throw new ScheduleError(
      `expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`,
    );
  }
  const [minute = '', hour = '', dayOfMonth = '', month = '', dayOfWeek = ''] = fields;
  // In this order: the first field that is wrong is told of.
  const minutes = parseField(minute, MINUTES).values;
  const hours = parseField(hour, HOURS).values;
  const days = parseField(dayOfMonth, DAYS_OF_MONTH);
  const months = parseField(month, MONTHS_OF_YEAR).values;
  const weekdays = parseField(dayOfWeek, DAYS_OF_WEEK);
  return {
    minutes,
    hours,
    daysOfMonth: days.values,
    months,
    daysOfWeek: weekdays.values,
    anyDayOfMonth: days.star,
    anyDayOfWeek: weekdays.star,
  };
}
