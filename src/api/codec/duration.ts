/**
 * meta/v1 Duration: Go's text for a length of time (`1h30m0s`, `250ms`).
 *
 * Upstream: Go's time.ParseDuration and Duration.String.
 */

/** A text that is no duration; the message is Go's. */
export class DurationError extends Error {}

const NANOS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** Reads a duration in nanoseconds; exact up to 104 days. Throws DurationError. */
export function parseDuration(text: string): number {
  const match = /^([+-]?)(.*)$/s.exec(text);
  const body = match?.[2] ?? '';
  if (body === '0') return 0;
  const invalid = (): DurationError =>
    new DurationError(`time: invalid duration ${JSON.stringify(text)}`);
  if (body === '') throw invalid();
  let total = 0;
  let rest = body;
  while (rest !== '') {
    const number = /^(\d*)(?:\.(\d*))?/.exec(rest);
    const whole = number?.[1] ?? '';
    const fraction = number?.[2] ?? '';
    if (whole === '' && fraction === '') throw invalid();
    rest = rest.slice(number?.[0].length ?? 0);
    const unit = /^[^0-9.]+/.exec(rest)?.[0];
    if (unit === undefined) {
      throw new DurationError(`time: missing unit in duration ${JSON.stringify(text)}`);
    }
    const nanos = NANOS[unit];
    if (nanos === undefined) {
      const words = `time: unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(text)}`;
      throw new DurationError(words);
    }
    total += Number(whole) * nanos + Math.trunc(Number(`0.${fraction}0`) * nanos);
    rest = rest.slice(unit.length);
  }
  if (total > 2 ** 63) throw invalid();
  return match?.[1] === '-' ? -total : total;
}

/** Go's text for nanoseconds. */
export function formatDuration(nanos: number): string {
  if (nanos === 0) return '0s';
  const sign = nanos < 0 ? '-' : '';
  const size = Math.abs(nanos);
  if (size < 1e3) return `${sign}${size}ns`;
  if (size < 1e6) return `${sign}${size / 1e3}µs`;
  if (size < 1e9) return `${sign}${size / 1e6}ms`;
  const hours = Math.floor(size / 3600e9);
  const minutes = Math.floor((size % 3600e9) / 60e9);
  const rest = size % 60e9;
  const fraction = String(rest % 1e9)
    .padStart(9, '0')
    .replace(/0+$/, '');
  const seconds = `${Math.floor(rest / 1e9)}${fraction === '' ? '' : `.${fraction}`}s`;
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${sign}${minutes}m${seconds}` : `${sign}${seconds}`;
}
