/**
 * Clients that take or give so little that they hold memory for nothing: they are cut off.
 *
 * Who reads must take `READ_BYTES` of what waits for him in each `readMs`; nothing waits on a watch
 * without events. Who sends a body has `bodyMs` for it, and when all bodies that are still coming
 * hold more than `bodiesMaxBytes`, the oldest of them is broken off: an honest one is the youngest.
 */
export interface SlowClientsOptions {
  /** In milliseconds, from any beginning; never goes back. */
  readonly monotonicMs: () => number;
  readonly readMs: number;
  readonly bodyMs: number;
  readonly bodiesMaxBytes: number;
}

/** What can be broken off. */
export interface Breakable {
  destroy(error?: Error): unknown;
}

/** How one reader does. */
export interface ReaderWatch {
  /** From now on `bytes` wait for the reader. */
  owes(bytes: number): void;
  /** It has taken all that waited. */
  taken(): void;
}

interface ComingBody {
  readonly sinceMs: number;
  bytes: number;
}

/** What a reader is to take in the time that one wait may last. */
const READ_BYTES = 256 * 1024;
/** In one `readMs` or `bodyMs` it is looked so often. */
const LOOKS = 4;

export class SlowClients {
  readonly #options: SlowClientsOptions;
  /** When each of those who have something to take must have done so. */
  readonly #readers = new Map<Breakable, number>();
  /** Oldest first. */
  readonly #bodies = new Map<Breakable, ComingBody>();
  #bodiesBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SlowClientsOptions) {
    this.#options = options;
  }

  start(): void {
    const { readMs, bodyMs } = this.#options;
    this.#timer = setInterval(() => this.look(), Math.min(readMs, bodyMs) / LOOKS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Until `forget`. */
  reader(out: Breakable): ReaderWatch {
    const { monotonicMs, readMs } = this.#options;
    return {
      owes: (bytes) => {
        const untilMs = monotonicMs() + readMs * Math.max(1, bytes / READ_BYTES);
        this.#readers.set(out, Math.max(untilMs, this.#readers.get(out) ?? 0));
      },
      taken: () => void this.#readers.delete(out),
    };
  }

  forget(out: Breakable): void {
    this.#readers.delete(out);
  }

  /** `body` has grown by `bytes`, or begins with none. May break it off at once. */
  grows(body: Breakable, bytes: number): void {
    const known = this.#bodies.get(body);
    if (known === undefined)
      this.#bodies.set(body, { sinceMs: this.#options.monotonicMs(), bytes });
    else known.bytes += bytes;
    this.#bodiesBytes += bytes;
    for (const oldest of this.#bodies.keys()) {
      if (this.#bodiesBytes <= this.#options.bodiesMaxBytes) return;
      this.#breakOff(oldest);
    }
  }

  /** The body is there, or will never be. */
  ends(body: Breakable): void {
    this.#bodiesBytes -= this.#bodies.get(body)?.bytes ?? 0;
    this.#bodies.delete(body);
  }

  /** Breaks off whoever is late. */
  look(): void {
    const nowMs = this.#options.monotonicMs();
    for (const [out, untilMs] of this.#readers) {
      if (untilMs > nowMs) continue;
      this.#readers.delete(out);
      out.destroy();
    }
    for (const [body, { sinceMs }] of this.#bodies) {
      if (sinceMs + this.#options.bodyMs > nowMs) return;
      this.#breakOff(body);
    }
  }

  #breakOff(body: Breakable): void {
    this.ends(body);
    body.destroy();
  }
}
