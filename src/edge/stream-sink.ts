/**
 * A `ByteSink` on a response or socket. What is written until the next round (`flush-rounds.ts`),
 * within one turn of the event loop at least, leaves in one piece: a burst of a thousand watch
 * events is one write, one TLS record chain, one packet train.
 */
import type { ByteSink } from '#base/http/message.ts';
import type { ReaderWatch } from './slow-clients.ts';
import { FlushRounds } from './flush-rounds.ts';
import { chunked, JoinMemo, whole } from './join-memo.ts';

/** Bytes of one turn above which the producer is told to wait. */
const TURN_BYTES_MAX = 1024 * 1024;

/** One for the process: it is the time of its one loop that they divide. */
const rounds = new FlushRounds();
const plainMemo = new JoinMemo(whole);
const chunkMemo = new JoinMemo(chunked);
const LAST_CHUNK = Buffer.from('0\r\n\r\n');

/** What a sink needs of a response. */
export interface Outlet extends NodeJS.EventEmitter {
  flushHeaders(): void;
  /** False: full; 'drain' follows. `written` is called when `bytes` is not looked at any more. */
  write(bytes: Uint8Array, written?: () => void): boolean;
  /** `bytes`: the last ones. */
  end(bytes?: Uint8Array): void;
  destroy(error?: Error): void;
}

export interface StreamSinkOptions {
  /** Nobody reads any more. */
  readonly isClosed?: boolean;
  /** The outlet takes the chunks of HTTP/1.1 as they go over the line, the last one included. */
  readonly inChunks?: boolean;
  /** Told what waits for the reader; without it nobody looks whether that is taken. */
  readonly reader?: ReaderWatch;
}

export class StreamSink implements ByteSink {
  readonly #out: Outlet;
  readonly #inChunks: boolean;
  readonly #reader: ReaderWatch | undefined;
  readonly #onDrain: (() => void)[] = [];
  #gathered: Uint8Array[] = [];
  #size = 0;
  #flushing = false;
  /** The outlet is full and will say when it is not. */
  #full = false;
  #toldToWait = false;
  #ended = false;
  #closed: boolean;
  readonly #inRound = (): void => {
    this.#flushing = false;
    this.#flush();
  };

  constructor(out: Outlet, { isClosed = false, inChunks = false, reader }: StreamSinkOptions = {}) {
    this.#out = out;
    this.#reader = reader;
    this.#inChunks = inChunks;
    this.#closed = isClosed;
    out.on('drain', () => {
      this.#full = false;
      this.#reader?.taken();
      this.#flush();
    });
    out.on('close', () => {
      this.#closed = true;
      this.#gathered = [];
    });
  }

  write(bytes: Uint8Array): boolean {
    if (this.#closed || this.#ended) return false;
    this.#gathered.push(bytes);
    this.#size += bytes.length;
    if (!this.#flushing && !this.#full) {
      this.#flushing = true;
      rounds.join(this.#inRound);
    }
    this.#toldToWait = this.#full || this.#size >= TURN_BYTES_MAX;
    return !this.#toldToWait;
  }

  end(): void {
    if (this.#closed || this.#ended) return;
    this.#ended = true;
    const size = this.#size;
    this.#push();
    this.#out.end(this.#inChunks ? LAST_CHUNK : undefined);
    this.#reader?.owes(size);
  }

  abort(reason: Error): void {
    this.#ended = true;
    this.#gathered = [];
    this.#out.destroy(reason);
  }

  onDrain(callback: () => void): void {
    this.#onDrain.push(callback);
  }

  onClose(callback: () => void): void {
    if (this.#closed) queueMicrotask(callback);
    else this.#out.on('close', callback);
  }

  #flush(): void {
    if (this.#closed || this.#ended || this.#full) return;
    this.#push();
    if (this.#full || !this.#toldToWait) return;
    this.#toldToWait = false;
    for (const callback of this.#onDrain) callback();
  }

  #push(): void {
    // Pieces of no bytes would be the last chunk.
    if (this.#size === 0) return;
    const memo = this.#inChunks ? chunkMemo : plainMemo;
    const bytes = memo.join(this.#gathered, this.#size);
    this.#gathered = [];
    this.#size = 0;
    this.#full = !this.#out.write(bytes);
    if (this.#full) this.#reader?.owes(bytes.length);
  }
}
