/**
 * When rules are written: changes that arrive together go in together, one write at a time, and one
 * that failed is tried again, later and later, until it succeeds.
 */
import type { Environment, Timer } from './env.ts';
import { messageOf } from './error.ts';

/** How long changes gather before they are written together. */
const GATHER_MS = 10;
/** Wait after a failed write; doubled up to the second. */
const RETRY_MS = 250;
const RETRY_MS_MAX = 30_000;

export interface WriteLoopOptions {
  readonly environment: Environment;
  /** What is written, for the log: `service rules`. */
  readonly what: string;
  /** Brings the kernel in step with all that has changed; rejects when it could not. */
  readonly write: () => Promise<void>;
  /** From the beginning of one write to that of the next, at least; 0 unless given. */
  readonly minPeriodMs?: number;
}

export class WriteLoop {
  readonly #options: WriteLoopOptions;
  readonly #firstWrite = Promise.withResolvers<void>();
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();
  #isDirty = false;
  #retryMs = RETRY_MS;
  /** When the last write began. */
  #begunMs = -Infinity;
  /** Undefined before the start: what comes then waits for it. */
  #signal: AbortSignal | undefined;

  constructor(options: WriteLoopOptions) {
    this.#options = options;
  }

  /** Writes now, and after each `wake` until `signal` is aborted. Resolves after the first write. */
  start(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    // One that has not begun does not begin any more.
    signal.addEventListener('abort', () => this.#timer?.cancel(), { once: true });
    this.#schedule(0);
    return this.#firstWrite.promise;
  }

  /** Resolves when the write that is under way has ended; after the signal no other begins. */
  idle(): Promise<void> {
    return this.#writing;
  }

  /** Something has changed. */
  wake(): void {
    this.#isDirty = true;
    this.#schedule(GATHER_MS);
  }

  #schedule(delayMs: number): void {
    if (this.#timer !== undefined || this.#signal?.aborted !== false) return;
    const { clock, timers } = this.#options.environment;
    const restMs = this.#begunMs + (this.#options.minPeriodMs ?? 0) - clock.monotonicMs();
    this.#timer = timers.after(Math.max(delayMs, restMs), () => {
      this.#isDirty = false;
      this.#begunMs = clock.monotonicMs();
      this.#writing = this.#options.write().then(
        () => this.#written(),
        (error: unknown) => this.#failed(error),
      );
    });
  }

  // The timer is cleared at the end of a write: what comes meanwhile waits for that.

  #written(): void {
    this.#timer = undefined;
    this.#retryMs = RETRY_MS;
    this.#firstWrite.resolve();
    if (this.#isDirty) this.#schedule(GATHER_MS);
  }

  #failed(error: unknown): void {
    const { environment, what } = this.#options;
    const retryMs = this.#retryMs;
    environment.log.error(`cannot write ${what}`, { error: messageOf(error), retryMs });
    this.#timer = undefined;
    this.#schedule(retryMs);
    this.#retryMs = Math.min(retryMs * 2, RETRY_MS_MAX);
  }
}
