/**
 * meta/v1 Time and MicroTime: RFC 3339 texts, in UTC, with no fraction or with six digits.
 *
 * Upstream: apimachinery/pkg/apis/meta/v1/time.go and micro_time.go, v0.36; the words of errors are
 * those of Go's time.Parse.
 */

/** A text that is no time; the message is Go's. */
export class TimeError extends Error {}

const TIME_LAYOUT = '2006-01-02T15:04:05Z07:00';
const MICRO_TIME_LAYOUT = '2006-01-02T15:04:05.000000Z07:00';

/** The first moment that Go can tell, which it takes for "no time". */
const ZERO_SECONDS = -62135596800;

export interface Instant {
  /** Since 1970, may be negative. */
  readonly seconds: number;
  /** 0 to 999,999,999. */
  readonly nanos: number;
}

/** Elements of both layouts up to the seconds: the layout's text, and digits or the text itself. */
const ELEMENTS: readonly (readonly [layout: string, pattern: RegExp])[] = [
  ['2006', /^\d{4}/],
  ['-', /^-/],
  ['01', /^\d{2}/],
  ['-', /^-/],
  ['02', /^\d{2}/],
  ['T', /^T/],
  ['15', /^\d{1,2}/],
  [':', /^:/],
  ['04', /^\d{2}/],
  [':', /^:/],
  ['05', /^\d{2}/],
];

const TIME =
  /^(\d{4})-(\d\d)-(\d\d)T(\d{1,2}):(\d\d):(\d\d)(?:[.,](\d+))?(?:Z|([+-])(\d\d):(\d\d))$/;

/** Reads RFC 3339 text with any offset. Throws TimeError. */
export function parseTime(text: string): Instant {
  const seconds = text.length === 20 ? plainSeconds(text) : undefined;
  return seconds === undefined ? parse(text, TIME_LAYOUT) : { seconds, nanos: 0 };
}

/** The seconds of `2006-01-02T15:04:05Z`, the usual form; undefined for any other text. */
function plainSeconds(text: string): number | undefined {
  if (text.charCodeAt(19) !== 0x5a || text.charCodeAt(10) !== 0x54) return undefined;
  if (text.charCodeAt(4) !== 0x2d || text.charCodeAt(7) !== 0x2d) return undefined;
  if (text.charCodeAt(13) !== 0x3a || text.charCodeAt(16) !== 0x3a) return undefined;
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  const month = twoDigits(text, 5);
  const day = twoDigits(text, 8);
  const hour = twoDigits(text, 11);
  const minute = twoDigits(text, 14);
  const second = twoDigits(text, 17);
  // A character that is no digit made its number NaN, of which no comparison is true.
  const isDate = year >= 0 && month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month);
  if (!isDate || !(hour < 24 && minute < 60 && second < 60)) return undefined;
  return daysSinceEpoch(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
}

function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 0x30;
  const ones = text.charCodeAt(at + 1) - 0x30;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}

/** Reads RFC 3339 text with exactly six digits of a fraction. Throws TimeError. */
export function parseMicroTime(text: string): Instant {
  return parse(text, MICRO_TIME_LAYOUT);
}

function parse(text: string, layout: string): Instant {
  const match = TIME.exec(text);
  const fraction = match?.[7];
  const needsSix = layout === MICRO_TIME_LAYOUT;
  if (match === null || (needsSix && fraction?.length !== 6)) throw syntaxError(text, layout);
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map(Number);
  const wrong =
    month < 1 || month > 12
      ? 'month'
      : day < 1 || day > daysIn(year, month)
        ? 'day'
        : hour > 23
          ? 'hour'
          : minute > 59
            ? 'minute'
            : second > 59
              ? 'second'
              : undefined;
  if (wrong !== undefined)
    throw new TimeError(`parsing time ${quote(text)}: ${wrong} out of range`);
  const offsetMinutes = Number(match[9] ?? 0) * 60 + Number(match[10] ?? 0);
  const offset = match[8] === '-' ? -offsetMinutes : offsetMinutes;
  const time = hour * 3600 + (minute - offset) * 60 + second;
  const seconds = daysSinceEpoch(year, month, day) * 86400 + time;
  return { seconds, nanos: Number((fraction ?? '').padEnd(9, '0').slice(0, 9)) };
}

/** Finds the element of the layout that the text does not have, as Go does. */
function syntaxError(text: string, layout: string): TimeError {
  let rest = text;
  const fail = (element: string): TimeError =>
    new TimeError(
      `parsing time ${quote(text)} as ${quote(layout)}: cannot parse ${quote(rest)} as ${quote(element)}`,
    );
  for (const [element, pattern] of ELEMENTS) {
    const match = pattern.exec(rest);
    if (match === null) return fail(element);
    rest = rest.slice(match[0].length);
  }
  if (layout === MICRO_TIME_LAYOUT) {
    if (!/^[.,]\d{6}/.test(rest)) return fail('.000000');
    rest = rest.slice(7);
  } else {
    rest = rest.replace(/^[.,]\d+/, '');
  }
  const zone = /^(?:Z|[+-]\d\d:\d\d)/.exec(rest)?.[0];
  if (zone === undefined) return fail('Z07:00');
  return new TimeError(
    `parsing time ${quote(text)}: extra text: ${quote(rest.slice(zone.length))}`,
  );
}

function quote(text: string): string {
  return JSON.stringify(text);
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Days of the proleptic Gregorian calendar since 1970-01-01. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  // Years begin in March, so that the day that comes and goes is the last one.
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const leapDays = Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100);
  return era * 146097 + yearOfEra * 365 + leapDays + dayOfYear - 719468;
}

/** `2006-01-02T15:04:05Z`. The fraction is cut off. */
export function formatTime({ seconds }: Pick<Instant, 'seconds'>): string {
  return `${dateAndTime(seconds)}Z`;
}

/** `2006-01-02T15:04:05.000000Z`. What is finer than a microsecond is cut off. */
export function formatMicroTime({ seconds, nanos }: Instant): string {
  const micros = String(Math.floor(nanos / 1000)).padStart(6, '0');
  return `${dateAndTime(seconds)}.${micros}Z`;
}

/** The inverse of `daysSinceEpoch`; unlike Date it is quick, and has no largest year. */
function dateAndTime(seconds: number): string {
  const days = Math.floor(seconds / 86400);
  const time = seconds - days * 86400;
  const shifted = days + 719468;
  const era = Math.floor(shifted / 146097);
  const dayOfEra = shifted - era * 146097;
  const leapDays =
    Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36524) + Math.floor(dayOfEra / 146096);
  const yearOfEra = Math.floor((dayOfEra - leapDays) / 365);
  const passed = 365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100);
  const dayOfYear = dayOfEra - passed;
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const yearText = year >= 1000 ? String(year) : String(year).padStart(4, '0');
  const clock = `${pad(Math.floor(time / 3600))}:${pad(Math.floor(time / 60) % 60)}:${pad(time % 60)}`;
  return `${yearText}-${pad(month)}-${pad(day)}T${clock}`;
}

function pad(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

/** Whether Go takes it for "no time": the zero of its time.Time. */
export function isZeroTime({ seconds, nanos }: Instant): boolean {
  return seconds === ZERO_SECONDS && nanos === 0;
}

/** The text as the API writes it; undefined for the zero time. Throws TimeError. */
export function canonicalTime(text: string): string | undefined {
  const instant = parseTime(text);
  if (text.length === 20 && text.endsWith('Z')) return isZeroTime(instant) ? undefined : text;
  return isZeroTime(instant) ? undefined : formatTime(instant);
}

/** As `canonicalTime`, for MicroTime. */
export function canonicalMicroTime(text: string): string | undefined {
  const instant = parseMicroTime(text);
  return isZeroTime(instant) ? undefined : formatMicroTime(instant);
}
