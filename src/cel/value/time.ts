/**
 * Timestamps and durations: read, written, and cut into years, days and hours.
 *
 * Upstream: cel-go common/types/timestamp.go and duration.go and Go's time package (RFC 3339,
 * `ParseDuration`). Days are counted in the Gregorian calendar as far back as the year 1.
 */

const SECOND = 1_000_000_000n;
const DAY_SECONDS = 86_400;

/** 0001-01-01T00:00:00Z. */
export const TIMESTAMP_NANOS_MIN = -62_135_596_800n * SECOND;
/** 9999-12-31T23:59:59.999999999Z. */
export const TIMESTAMP_NANOS_MAX = 253_402_300_800n * SECOND - 1n;

/** Days since 1970 of a date of the Gregorian calendar. */
function daysOf(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

export interface CalendarTime {
  readonly year: number;
  /** From 1. */
  readonly month: number;
  /** From 1. */
  readonly day: number;
  /** From 0. */
  readonly dayOfYear: number;
  /** From Sunday, 0. */
  readonly dayOfWeek: number;
  readonly hours: number;
  readonly minutes: number;
  readonly seconds: number;
  readonly nanos: number;
}

/** What a clock shows that is `offsetSeconds` ahead of UTC. */
export function calendarTime(nanos: bigint, offsetSeconds: number): CalendarTime {
  const wholeSeconds = (nanos - (((nanos % SECOND) + SECOND) % SECOND)) / SECOND;
  const local = Number(wholeSeconds) + offsetSeconds;
  const days = Math.floor(local / DAY_SECONDS);
  const rest = local - days * DAY_SECONDS;
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfShifted =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthIndex = Math.floor((5 * dayOfShifted + 2) / 153);
  const day = dayOfShifted - Math.floor((153 * monthIndex + 2) / 5) + 1;
  const month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return {
    year,
    month,
    day,
    dayOfYear: days - daysOf(year, 1, 1),
    dayOfWeek: (((days + 4) % 7) + 7) % 7,
    hours: Math.floor(rest / 3600),
    minutes: Math.floor((rest % 3600) / 60),
    seconds: rest % 60,
    nanos: Number(nanos - wholeSeconds * SECOND),
  };
}

const RFC_3339 =
  /^(\d{4})-(\d\d)-(\d\d)[T](\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(?:Z|([+-])(\d\d):(\d\d))$/;
const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

const isLeap = (year: number): boolean => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);

function isDate(year: number, month: number, day: number): boolean {
  const days = (MONTH_DAYS[month - 1] ?? 0) + (month === 2 && isLeap(year) ? 1 : 0);
  return day >= 1 && day <= days;
}

/** What an RFC 3339 text says. */
export interface ParsedTime {
  /** Since 1970. */
  readonly nanos: bigint;
  readonly offsetSeconds: number;
}

/** The time of an RFC 3339 text, or undefined when it is none. */
export function parseTimestamp(text: string): ParsedTime | undefined {
  const match = RFC_3339.exec(text);
  if (match === null) return undefined;
  const [
    ,
    years,
    months,
    days,
    hours,
    minutes,
    seconds,
    fraction = '',
    sign,
    zoneHours,
    zoneMinutes,
  ] = match;
  const [year, month, day] = [Number(years), Number(months), Number(days)];
  const [hour, minute, second] = [Number(hours), Number(minutes), Number(seconds)];
  if (!isDate(year, month, day) || hour > 23 || minute > 59 || second > 59) return undefined;
  const [zoneHour, zoneMinute] = [Number(zoneHours ?? 0), Number(zoneMinutes ?? 0)];
  if (zoneHour > 24 || zoneMinute > 60) return undefined;
  const zone = (sign === '-' ? -1 : 1) * (zoneHour * 3600 + zoneMinute * 60);
  const total = daysOf(year, month, day) * DAY_SECONDS + hour * 3600 + minute * 60 + second - zone;
  const nanos = BigInt(total) * SECOND + BigInt(fraction.slice(0, 9).padEnd(9, '0'));
  return { nanos, offsetSeconds: zone === 0 ? 0 : zone };
}

/** The beginning of a date `2006-01-02` in UTC, or undefined when it is none. */
export function parseDate(text: string): ParsedTime | undefined {
  return /^\d{4}-\d\d-\d\d$/.test(text) ? parseTimestamp(`${text}T00:00:00Z`) : undefined;
}

const two = (value: number): string => String(value).padStart(2, '0');

/** RFC 3339 with as many digits of the second as it has, by the clock of an offset. */
export function formatTimestamp(nanos: bigint, offsetSeconds = 0): string {
  const time = calendarTime(nanos, offsetSeconds);
  const fraction = String(time.nanos).padStart(9, '0').replace(/0+$/, '');
  const date = `${String(time.year).padStart(4, '0')}-${two(time.month)}-${two(time.day)}`;
  const clock = `${two(time.hours)}:${two(time.minutes)}:${two(time.seconds)}`;
  const minutes = Math.trunc(Math.abs(offsetSeconds) / 60);
  const sign = offsetSeconds < 0 ? '-' : '+';
  const zone =
    offsetSeconds === 0 ? 'Z' : `${sign}${two(Math.trunc(minutes / 60))}:${two(minutes % 60)}`;
  return `${date}T${clock}${fraction === '' ? '' : `.${fraction}`}${zone}`;
}

const UNIT_NANOS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: SECOND,
  m: 60n * SECOND,
  h: 3600n * SECOND,
};
const PART = /([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)/y;
const INT64 = 2n ** 63n;

function partNanos(amount: string, unitNanos: bigint): bigint {
  const [whole = '', fraction = ''] = amount.split('.');
  const digits = fraction.slice(0, 18);
  const scaled = digits === '' ? 0n : (BigInt(digits) * unitNanos) / 10n ** BigInt(digits.length);
  return BigInt(whole === '' ? '0' : whole) * unitNanos + scaled;
}

/** Nanoseconds of a text such as `1h15m30.5s`, or undefined when Go would not read it. */
export function parseDuration(text: string): bigint | undefined {
  const isNegative = text.startsWith('-');
  const body = /^[+-]/.test(text) ? text.slice(1) : text;
  if (body === '0') return 0n;
  let total = 0n;
  let at = 0;
  while (at < body.length) {
    PART.lastIndex = at;
    const match = PART.exec(body);
    if (match === null) return undefined;
    const [all, amount = '', unit = ''] = match;
    total += partNanos(amount, UNIT_NANOS[unit] ?? 1n);
    at += all.length;
  }
  if (at === 0 || total > INT64 || (total === INT64 && !isNegative)) return undefined;
  return isNegative ? -total : total;
}

/** Seconds with as many decimals as there are: `1.5s`. */
export function formatDuration(nanos: bigint): string {
  const isNegative = nanos < 0n;
  const absolute = isNegative ? -nanos : nanos;
  const fraction = String(absolute % SECOND)
    .padStart(9, '0')
    .replace(/0+$/, '');
  const seconds = `${absolute / SECOND}${fraction === '' ? '' : `.${fraction}`}`;
  return `${isNegative ? '-' : ''}${seconds}s`;
}

const ZONES_MAX = 64;
const zones = new Map<string, Intl.DateTimeFormat>();

/** A formatter that tells a zone's offset; the oldest is forgotten when there are too many. */
function zoneFormat(name: string): Intl.DateTimeFormat | undefined {
  const known = zones.get(name);
  if (known !== undefined) return known;
  try {
    const format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' });
    const [oldest] = zones.keys();
    if (zones.size >= ZONES_MAX && oldest !== undefined) zones.delete(oldest);
    zones.set(name, format);
    return format;
  } catch {
    return undefined;
  }
}

/** How far a zone is ahead of UTC at a time, in seconds; undefined when there is no such zone. */
export function zoneOffset(zone: string, nanos: bigint): number | undefined {
  if (zone === '' || zone === 'UTC') return 0;
  const colon = zone.indexOf(':');
  if (colon >= 0) {
    const [hours, minutes] = [zone.slice(0, colon), zone.slice(colon + 1)];
    if (!/^[+-]?\d+$/.test(hours) || !/^[+-]?\d+$/.test(minutes)) return undefined;
    const isBehind = hours.startsWith('-');
    const total = Math.abs(Number(hours)) * 3600 + Number(minutes) * 60;
    return isBehind ? -total : total;
  }
  const date = new Date(Number(nanos / 1_000_000n));
  const parts = zoneFormat(zone)?.formatToParts(date);
  const shown = parts?.find(({ type }) => type === 'timeZoneName')?.value;
  if (shown === undefined) return undefined;
  const match = /^GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(shown);
  if (match === null) return undefined;
  const [, sign, hours = '0', minutes = '0', seconds = '0'] = match;
  const total = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  return sign === '-' ? -total : total;
}
