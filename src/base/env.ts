/**
 * The environment: every clock, timer, random number and side effect that a component may use.
 *
 * It is passed in, never imported as a global, so that a test can run a whole cluster in virtual
 * time from one seed. `src/edge/` holds the real one, `test/kit/` the virtual one, and
 * `test/tidy/environment.test.ts` fails when anything else reaches for the real world.
 */

/** Wall clock in milliseconds since 1970 UTC, and a clock that never goes back, for durations. */
export interface Clock {
  now(): number;
  monotonicMs(): number;
}

/** A timer that has been set. `cancel` after it fired does nothing. */
export interface Timer {
  cancel(): void;
}

export interface Timers {
  /** Calls `callback` once, `delayMs` from now (0 means: in a later turn of the loop). */
  after(delayMs: number, callback: () => void): Timer;
}

/** Random numbers. From one seed in tests, from the kernel in production. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
  bytes(count: number): Uint8Array;
  /** A version 4 UUID (RFC 9562). */
  uuid(): string;
}

export type LogValue = string | number | boolean | null | undefined | readonly string[];

/** Constant messages, key-value pairs: what varies is never formatted into the message. */
export interface Logger {
  debug(message: string, values?: Readonly<Record<string, LogValue>>): void;
  info(message: string, values?: Readonly<Record<string, LogValue>>): void;
  warn(message: string, values?: Readonly<Record<string, LogValue>>): void;
  error(message: string, values?: Readonly<Record<string, LogValue>>): void;
  /** The same log, with `values` on each line. */
  with(values: Readonly<Record<string, LogValue>>): Logger;
}

/** What every component gets. Components with side effects get doors (below) beside it. */
export interface Environment {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly log: Logger;
}

/** Resolves after `delayMs`, or at once when `signal` is aborted. Never rejects. */
export function sleep(
  environment: Pick<Environment, 'timers'>,
  delayMs: number,
  signal?: AbortSignal,
): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      timer.cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = environment.timers.after(delayMs, done);
    signal?.addEventListener('abort', done);
  });
}

/** Resolves when `signal` is aborted; at once when it has been. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** An AbortSignal that fires after `timeoutMs`, or with `parent`; `release` frees the timer. */
export function timeoutSignal(
  environment: Pick<Environment, 'timers'>,
  timeoutMs: number,
  parent?: AbortSignal,
): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const abort = (): void => controller.abort(parent?.reason);
  const timer = environment.timers.after(timeoutMs, () => {
    controller.abort(new DOMException('The operation timed out', 'TimeoutError'));
  });
  if (parent?.aborted) abort();
  parent?.addEventListener('abort', abort);
  return {
    signal: controller.signal,
    release: () => {
      timer.cancel();
      parent?.removeEventListener('abort', abort);
    },
  };
}
