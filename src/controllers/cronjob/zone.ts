/**
 * Clocks on the wall: what time it is in a time zone, and when a day begins there.
 *
 * The rules of the zones are the runtime's (IANA, by Intl). Nothing here asks what time it is now.
 */

/** Transitions are at such times everywhere since long: within one, the offset does not change. */
const SPAN_MS = 15 * 60_000;
/** Offsets that are remembered for one zone; beyond it all are asked for again. */
const OFFSETS_MAX = 10_000;
const HOUR_MS = 3_600_000;

/** A point in time as a clock in the zone shows it. */
export interface WallTime {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
  /** 0 is Sunday. */
  readonly weekday: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

export class Zone {
  readonly #format: Intl.DateTimeFormat | undefined;
  readonly #offsets = new Map<number, number>();

  /** Throws a RangeError when there is no zone of this name. */
  constructor(name: string) {
    const options = { timeZone: name, timeZoneName: 'longOffset' } as const;
    this.#format = name === 'UTC' ? undefined : new Intl.DateTimeFormat('en-US', options);
  }

  wallTime(atMs: number): WallTime {
    const local = new Date(atMs + this.offsetMs(atMs));
    return {
      year: local.getUTCFullYear(),
      month: local.getUTCMonth() + 1,
      day: local.getUTCDate(),
      weekday: local.getUTCDay(),
      hour: local.getUTCHours(),
      minute: local.getUTCMinutes(),
      second: local.getUTCSeconds(),
    };
  }

  /**
   * When the day begins: at midnight, or where the clocks skip midnight, when they are set. `month`
   * and `day` may be beyond their ranges: day 32 of January is the first of February.
   */
  startOfDay(year: number, month: number, day: number): number {
    const midnight = Date.UTC(year, month - 1, day);
    const guess = midnight - this.offsetMs(midnight);
    const start = midnight - this.offsetMs(guess);
    const { hour } = this.wallTime(start);
    return hour < 12 ? start : start + (24 - hour) * HOUR_MS;
  }

  /** What the zone's clock is ahead of UTC. */
  offsetMs(atMs: number): number {
    if (this.#format === undefined) return 0;
    const span = Math.floor(atMs / SPAN_MS);
    const known = this.#offsets.get(span);
    if (known !== undefined) return known;
    if (this.#offsets.size >= OFFSETS_MAX) this.#offsets.clear();
    const offset = parseOffset(this.#format.format(span * SPAN_MS));
    this.#offsets.set(span, offset);
    return offset;
  }

  /** RFC 3339 with the zone's offset: `2026-03-29T03:00:00+02:00`. */
  text(atMs: number): string {
    const offset = this.offsetMs(atMs);
    const local = new Date(atMs + offset).toISOString().slice(0, 19);
    if (offset === 0) return `${local}Z`;
    const minutes = Math.abs(Math.trunc(offset / 60_000));
    const two = (number: number): string => String(number).padStart(2, '0');
    const sign = offset < 0 ? '-' : '+';
    return `${local}${sign}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
  }
}

/** Whether there is a zone of this name. */
export function isZone(name: string): boolean {
  try {
    new Zone(name).offsetMs(0);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** `1/1/2026, GMT-03:30` */
function parseOffset(text: string): number {
  const [, sign, hours, minutes = '0', seconds = '0'] =
    /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(text) ?? [];
  if (sign === undefined) return 0;
  const ahead = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
  return sign === '-' ? -ahead : ahead;
}
