/**
 * The virtual environment: a clock that a test moves, timers that fire in one fixed order, random
 * numbers from one seed and a log in memory. A whole cluster runs in it, and a seed repeats it.
 *
 * Between two timers everything that is ready runs to its end: promises and `process.nextTick`
 * callbacks are drained before time moves, so virtual time never passes while work can be done.
 */
import type { Clock, Environment, Logger, LogValue, Random, Timer, Timers } from '#base/env.ts';

/** 2026-01-01T00:00:00Z: where virtual time starts unless a test says otherwise. */
export const VIRTUAL_START_MS = 1_767_225_600_000;

/** More timers than this in one call of `advance` is a hot loop in the code under test. */
const TIMERS_FIRED_MAX = 5_000_000;
/** A log line beyond this many pushes the oldest out. */
const LOG_LINES_MAX = 20_000;

export interface LogLine {
  readonly atMs: number;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly values: Readonly<Record<string, LogValue>>;
}

export interface VirtualOptions {
  readonly seed?: number;
  readonly startMs?: number;
}

interface Pending {
  readonly dueMs: number;
  readonly order: number;
  readonly callback: () => void;
  cancelled: boolean;
}

export class VirtualEnvironment implements Environment {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: SeededRandom;
  readonly log: Logger;
  readonly #startMs: number;
  readonly #heap = new TimerHeap();
  readonly #lines: LogLine[] = [];
  #nowMs: number;
  /** How far the wall clock is ahead of where it would be had it never been set. */
  #aheadMs = 0;
  #order = 0;

  constructor(options: VirtualOptions = {}) {
    this.#startMs = options.startMs ?? VIRTUAL_START_MS;
    this.#nowMs = this.#startMs;
    this.random = new SeededRandom(options.seed ?? 1);
    this.clock = {
      now: () => Math.floor(this.#nowMs + this.#aheadMs),
      monotonicMs: () => this.#nowMs - this.#startMs,
    };
    this.timers = { after: (delayMs, callback) => this.#after(delayMs, callback) };
    this.log = new BufferLogger((line) => this.#record(line), {});
  }

  /** What was logged, oldest first, `level` and above when given. */
  lines(level?: 'warn' | 'error'): readonly LogLine[] {
    if (level === undefined) return this.#lines;
    return this.#lines.filter((line) => line.level === 'error' || line.level === level);
  }

  /** Virtual milliseconds since the start. */
  get elapsedMs(): number {
    return this.#nowMs - this.#startMs;
  }

  /** Somebody sets the wall clock, as NTP does, or a machine that slept: timers know nothing of it. */
  setWallClock(forwardMs: number): void {
    this.#aheadMs += forwardMs;
  }

  /** When the next timer is due (milliseconds from now), or undefined when none is set. */
  get nextTimerMs(): number | undefined {
    const next = this.#heap.peek();
    return next === undefined ? undefined : Math.max(0, next.dueMs - this.#nowMs);
  }

  /** Runs all that is ready now, and timers that are due now; moves no time. */
  async runUntilIdle(): Promise<void> {
    await this.advance(0);
  }

  /** Moves time `ms` forward; timers fire in the order of their times, then of their making. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    for (let fired = 0; ; fired++) {
      if (fired > TIMERS_FIRED_MAX) throw new Error('Cannot advance: timers fire without end');
      await drain();
      const next = this.#heap.peek();
      if (next === undefined || next.dueMs > untilMs) break;
      this.#heap.pop();
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.callback();
    }
    this.#nowMs = untilMs;
  }

  /**
   * Moves time from timer to timer until `condition` holds; rejects after `limitMs` of virtual
   * time, naming `what` was awaited.
   */
  async until(
    condition: () => boolean | Promise<boolean>,
    options: { readonly limitMs?: number; readonly what?: string } = {},
  ): Promise<void> {
    const { limitMs = 600_000, what = 'the condition' } = options;
    const endMs = this.#nowMs + limitMs;
    for (;;) {
      await drain();
      if (await this.resolve(Promise.resolve(condition()))) return;
      const next = this.#heap.peek();
      if (next === undefined || next.dueMs > endMs) {
        throw new Error(`Cannot reach ${what}: not within ${limitMs} ms of virtual time`);
      }
      await this.advance(Math.max(0, next.dueMs - this.#nowMs));
    }
  }

  /** Awaits `promise`, moving time from timer to timer while it is pending. */
  async resolve<T>(promise: Promise<T>, limitMs = 600_000): Promise<T> {
    let settled = false;
    const mark = (): void => {
      settled = true;
    };
    promise.then(mark, mark);
    const endMs = this.#nowMs + limitMs;
    for (;;) {
      await drain();
      if (settled) return promise;
      const next = this.#heap.peek();
      if (next === undefined) throw new Error('Cannot await: pending, and no timer is set');
      if (next.dueMs > endMs) throw new Error(`Cannot await: pending after ${limitMs} ms`);
      await this.advance(Math.max(0, next.dueMs - this.#nowMs));
    }
  }

  #after(delayMs: number, callback: () => void): Timer {
    const dueMs = this.#nowMs + Math.max(0, delayMs);
    const pending: Pending = { dueMs, order: this.#order++, callback, cancelled: false };
    this.#heap.push(pending);
    return {
      cancel: () => {
        pending.cancelled = true;
      },
    };
  }

  #record(line: Omit<LogLine, 'atMs'>): void {
    if (this.#lines.length >= LOG_LINES_MAX) this.#lines.splice(0, LOG_LINES_MAX / 10);
    this.#lines.push({ atMs: this.elapsedMs, ...line });
  }
}

/** Resolves when every promise callback that can run has run. */
function drain(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** A binary heap by due time, then order of making. Cancelled timers are dropped when they surface. */
class TimerHeap {
  readonly #items: Pending[] = [];

  push(item: Pending): void {
    this.#items.push(item);
    let at = this.#items.length - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(at, parent)) break;
      this.#swap(at, parent);
      at = parent;
    }
  }

  peek(): Pending | undefined {
    while (this.#items[0]?.cancelled === true) this.pop();
    return this.#items[0];
  }

  pop(): void {
    const last = this.#items.pop();
    if (last === undefined || this.#items.length === 0) return;
    this.#items[0] = last;
    for (let at = 0; ; ) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      let first = at;
      if (left < this.#items.length && this.#before(left, first)) first = left;
      if (right < this.#items.length && this.#before(right, first)) first = right;
      if (first === at) return;
      this.#swap(at, first);
      at = first;
    }
  }

  #before(a: number, b: number): boolean {
    const [left, right] = [this.#items[a]!, this.#items[b]!];
    return left.dueMs < right.dueMs || (left.dueMs === right.dueMs && left.order < right.order);
  }

  #swap(a: number, b: number): void {
    const item = this.#items[a]!;
    this.#items[a] = this.#items[b]!;
    this.#items[b] = item;
  }
}

/** A small seeded generator (mulberry32). Never for secrets. */
export class SeededRandom implements Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }
  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => Math.floor(this.next() * 256));
  }
  uuid(): string {
    const bytes = this.bytes(16);
    bytes[6] = (bytes[6]! & 0x0f) | 0x40;
    bytes[8] = (bytes[8]! & 0x3f) | 0x80;
    const hex = Buffer.from(bytes).toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }
  /** A whole number in [0, below). */
  below(below: number): number {
    return Math.floor(this.next() * below);
  }
  /** One of `items`. */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
  chance(probability: number): boolean {
    return this.next() < probability;
  }
  /** A generator of its own: what one component draws does not shift what another gets. */
  fork(): SeededRandom {
    return new SeededRandom(Math.floor(this.next() * 4294967296));
  }
}

class BufferLogger implements Logger {
  readonly #record: (line: Omit<LogLine, 'atMs'>) => void;
  readonly #values: Readonly<Record<string, LogValue>>;
  constructor(
    record: (line: Omit<LogLine, 'atMs'>) => void,
    values: Readonly<Record<string, LogValue>>,
  ) {
    this.#record = record;
    this.#values = values;
  }
  debug(message: string, values?: Readonly<Record<string, LogValue>>): void {
    this.#write('debug', message, values);
  }
  info(message: string, values?: Readonly<Record<string, LogValue>>): void {
    this.#write('info', message, values);
  }
  warn(message: string, values?: Readonly<Record<string, LogValue>>): void {
    this.#write('warn', message, values);
  }
  error(message: string, values?: Readonly<Record<string, LogValue>>): void {
    this.#write('error', message, values);
  }
  with(values: Readonly<Record<string, LogValue>>): Logger {
    return new BufferLogger(this.#record, { ...this.#values, ...values });
  }
  #write(
    level: LogLine['level'],
    message: string,
    values: Readonly<Record<string, LogValue>> = {},
  ): void {
    this.#record({ level, message, values: { ...this.#values, ...values } });
  }
}
