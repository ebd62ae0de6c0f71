/**
 * The virtual environment: a clock that its owner moves, timers that fire in one fixed order, random
 * numbers from one seed and a log in memory. A whole cluster runs in it, and a seed repeats it: in
 * tests, and in forks of a real cluster (`src/plan/`).
 *
 * Between two timers everything that is ready runs to its end: promises and `process.nextTick`
 * callbacks are drained before time moves, so virtual time never passes while work can be done.
 */
import type { Clock, Environment, Logger, Timer, Timers } from '#base/env.ts';
import { BufferLogger, type LogLine } from './buffer-logger.ts';
import { SeededRandom } from './seeded-random.ts';
import { type Pending, TimerHeap } from './timer-heap.ts';

/** More timers than this in one call of `advance` is a hot loop in what runs here. */
const TIMERS_FIRED_MAX = 5_000_000;
/** A log line beyond this many pushes the oldest out. */
const LOG_LINES_MAX = 20_000;

export interface VirtualOptions {
  readonly seed: number;
  /** Where virtual time starts: milliseconds since 1970. */
  readonly startMs: number;
  /** Resolves when every promise callback that can run has run: a turn of the real loop. */
  readonly drain: () => Promise<void>;
}

export class VirtualEnvironment implements Environment {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: SeededRandom;
  readonly log: Logger;
  readonly #startMs: number;
  readonly #drain: () => Promise<void>;
  readonly #heap = new TimerHeap();
  readonly #lines: LogLine[] = [];
  #nowMs: number;
  /** How far the wall clock is ahead of where it would be had it never been set. */
  #aheadMs = 0;
  #order = 0;

  constructor({ seed, startMs, drain }: VirtualOptions) {
    this.#startMs = startMs;
    this.#nowMs = startMs;
    this.#drain = drain;
    this.random = new SeededRandom(seed);
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
      await this.#drain();
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
      await this.#drain();
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
      await this.#drain();
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
