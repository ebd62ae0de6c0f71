/**
 * Decodes a watch: JSON objects, one a line, out of bytes that come in any cut.
 *
 * A burst is worked off in slices of `SLICE_BYTES_MAX`, one a turn of the event loop, so that ten
 * thousand events cannot stall the process; meanwhile the producer is told to wait.
 */
import type { Environment } from '#base/env.ts';
import type { ByteSink } from '#base/http/message.ts';

/** What is decoded in one turn of the event loop. */
const SLICE_BYTES_MAX = 512 * 1024;
/** When more than this waits to be decoded, the producer is asked to wait. */
const BACKLOG_BYTES_MAX = 1024 * 1024;
/** A single event beyond this is refused: the stream is not a watch. */
const LINE_BYTES_MAX = 64 * 1024 * 1024;

const NEWLINE = 0x0a;

export interface WatchDecoderOptions {
  readonly environment: Pick<Environment, 'timers'>;
  /** One parsed line. What it throws breaks the watch off with that error. */
  readonly onLine: (line: unknown) => void;
  /** Called once; without an error when the stream ended in an orderly way. */
  readonly onEnd: (error?: Error) => void;
}

/** A sink for the body of a watch. `close` is for the reader who has had enough. */
export class WatchDecoder implements ByteSink {
  readonly #options: WatchDecoderOptions;
  readonly #chunks: Uint8Array[] = [];
  readonly #closeCallbacks: (() => void)[] = [];
  #partial: Uint8Array[] = [];
  #partialBytes = 0;
  #backlogBytes = 0;
  #drainCallback: (() => void) | undefined;
  #scheduled = false;
  #ending: { readonly error?: Error } | undefined;
  #done = false;

  constructor(options: WatchDecoderOptions) {
    this.#options = options;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#done || bytes.length === 0) return !this.#done;
    this.#chunks.push(bytes);
    this.#backlogBytes += bytes.length;
    if (!this.#scheduled) this.#work();
    return this.#backlogBytes < BACKLOG_BYTES_MAX;
  }

  end(): void {
    this.#ending ??= {};
    if (!this.#scheduled) this.#work();
  }

  abort(reason: Error): void {
    this.#ending ??= { error: reason };
    if (!this.#scheduled) this.#work();
  }

  onDrain(callback: () => void): void {
    this.#drainCallback = callback;
  }

  onClose(callback: () => void): void {
    if (this.#done) callback();
    else this.#closeCallbacks.push(callback);
  }

  /** Ends the watch from the reader's side: nothing more is delivered. */
  close(error?: Error): void {
    this.#finish(error);
  }

  #work(): void {
    let budget = SLICE_BYTES_MAX;
    while (!this.#done && budget > 0) {
      const chunk = this.#chunks.shift();
      if (chunk === undefined) break;
      const { used, error } = this.#decode(chunk, budget);
      this.#backlogBytes -= used;
      budget -= used;
      if (error !== undefined) return this.#finish(error);
      if (used < chunk.length) this.#chunks.unshift(chunk.subarray(used));
    }
    if (this.#done) return;
    if (this.#chunks.length > 0) {
      this.#scheduled = true;
      this.#options.environment.timers.after(0, () => {
        this.#scheduled = false;
        this.#work();
      });
      return;
    }
    if (this.#ending !== undefined) return this.#finish(this.#ending.error);
    this.#drainCallback?.();
  }

  /** Decodes lines of `chunk` until about `budget` bytes are used. */
  #decode(chunk: Uint8Array, budget: number): { used: number; error?: Error } {
    let start = 0;
    while (start < chunk.length && start < budget && !this.#done) {
      const newline = chunk.indexOf(NEWLINE, start);
      if (newline < 0) {
        this.#partial.push(chunk.subarray(start));
        this.#partialBytes += chunk.length - start;
        start = chunk.length;
        if (this.#partialBytes > LINE_BYTES_MAX) {
          return {
            used: start,
            error: new Error(`Cannot read watch: event over ${LINE_BYTES_MAX} bytes`),
          };
        }
        break;
      }
      const error = this.#line(chunk.subarray(start, newline));
      if (error !== undefined) return { used: newline + 1, error };
      start = newline + 1;
    }
    return { used: start };
  }

  #line(tail: Uint8Array): Error | undefined {
    const bytes = this.#partial.length === 0 ? tail : Buffer.concat([...this.#partial, tail]);
    this.#partial = [];
    this.#partialBytes = 0;
    if (bytes.length === 0) return undefined;
    try {
      const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
      this.#options.onLine(JSON.parse(text));
      return undefined;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  #finish(error?: Error): void {
    if (this.#done) return;
    this.#done = true;
    this.#chunks.length = 0;
    this.#options.onEnd(error);
    for (const callback of this.#closeCallbacks) callback();
  }
}
