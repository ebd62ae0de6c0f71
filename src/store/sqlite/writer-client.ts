/**
 * The store's end of the writer thread: packs commands into requests, matches answers to who
 * asked, and notices when the thread is gone.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Clock } from '#base/env.ts';
import { StoreError, type Write } from '../store.ts';
import type {
  Answer,
  Command,
  FromWriter,
  OpenedLease,
  PackedWrite,
  Request,
  WriterSettings,
} from './protocol.ts';

/**
 * Requests under way to the thread: one that it works on, and one that it will find when it is
 * done. What comes meanwhile is gathered: it could not be committed sooner, and a message costs more
 * than a write.
 */
const REQUESTS_MAX = 2;
/** The same while its disk is slow, and it does not wait for it: then no time is lost. */
const SLOW_REQUESTS_MAX = 16;
/** Commands without an answer; more are refused. */
const PENDING_MAX = 65_536;

/** A command before it has its number, and writes before their values are packed. */
export type Order =
  | { readonly type: 'batch'; readonly writes: readonly Write[] }
  | Unnumbered<Exclude<Command, { type: 'batch' }>>;

type Unnumbered<T> = T extends unknown ? Omit<T, 'id'> : never;
export type AnswerTo<T extends Order['type']> = Extract<
  Answer,
  { type: T extends 'batch' | 'revoke' | 'grant' ? T : 'done' }
>;

export interface WriterEvents {
  /** Called for each answer, in the order of the commits, before the one who asked gets it. */
  onAnswer(answer: Answer, order: Order): void;
  /** All answers of one commit were given. */
  onCommit(): void;
  /** The thread ended, without being told to when there is an error. */
  onGone(error: StoreError): void;
}

interface Pending {
  readonly order: Order;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: StoreError) => void;
}

export interface Opened {
  readonly writer: WriterClient;
  readonly revision: number;
  readonly leases: readonly OpenedLease[];
}

/** Starts the thread and resolves when the directory is open. Rejects with StoreError or Error. */
export async function startWriter(settings: WriterSettings, clock: Clock): Promise<Opened> {
  const worker = new Worker(new URL('./writer-thread.ts', import.meta.url), {
    workerData: settings,
    name: 'store',
  });
  const message = await firstMessage(worker);
  if (message.type === 'opened') return { ...message, writer: new WriterClient(worker, clock) };
  if (message.type === 'answers') throw new Error('The writer thread answered before it opened');
  if (message.code === undefined) {
    throw new Error(`Cannot open the store in "${settings.directory}": ${message.message}`);
  }
  throw new StoreError(message.code, message.message);
}

async function firstMessage(worker: Worker): Promise<FromWriter> {
  const cleanUp = new AbortController();
  const { signal } = cleanUp;
  try {
    const [message] = await Promise.race([
      // Rejects on an 'error' event too.
      once(worker, 'message', { signal }),
      once(worker, 'exit', { signal }).then(() => {
        throw new Error('The writer thread of the store did not start');
      }),
    ]);
    return message as FromWriter;
  } finally {
    cleanUp.abort();
  }
}

export class WriterClient {
  readonly #worker: Worker;
  readonly #clock: Clock;
  readonly #pending = new Map<number, Pending>();
  readonly #gone: Promise<void>;
  #outbox: Command[] = [];
  #values: Uint8Array[] = [];
  #size = 0;
  #nextId = 1;
  /** The last command of each request under way, in order. */
  readonly #underWay: number[] = [];
  #requestsMax = REQUESTS_MAX;
  #flushing = false;
  #events: WriterEvents | undefined;
  #failure: StoreError | undefined;

  constructor(worker: Worker, clock: Clock) {
    this.#worker = worker;
    this.#clock = clock;
    this.#gone = new Promise((resolve) => worker.once('exit', () => resolve()));
    worker.on('message', (message: FromWriter) => {
      if (message.type !== 'answers') return;
      this.#requestsMax = message.isSlow ? SLOW_REQUESTS_MAX : REQUESTS_MAX;
      this.#settle(message.answers);
    });
    worker.on('error', (error) => this.#lost(error instanceof Error ? error : new Error('?')));
    worker.on('exit', () => this.#lost(new Error('The writer thread of the store ended')));
  }

  listen(events: WriterEvents): void {
    this.#events = events;
  }

  /** Rejects with the writer's StoreError, or `unavailable`. */
  async ask<T extends Order['type']>(order: Extract<Order, { type: T }>): Promise<AnswerTo<T>> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#pending.size >= PENDING_MAX) {
      throw new StoreError('unavailable', `Cannot write: ${PENDING_MAX} writes are waiting`);
    }
    const id = this.#nextId++;
    const answer = await new Promise<Answer>((resolve, reject) => {
      this.#pending.set(id, { order, resolve, reject });
      this.#post(order, id);
    });
    return answer as AnswerTo<T>;
  }

  /** Lets the thread finish what it was asked, and waits for its end. */
  async close(): Promise<void> {
    await this.ask({ type: 'close' }).catch(() => {});
    await this.#gone;
  }

  #post(order: Order, id: number): void {
    this.#flushSoon();
    this.#outbox.push(
      order.type === 'batch'
        ? { type: 'batch', id, writes: order.writes.map((write) => this.#pack(write)) }
        : { ...order, id },
    );
  }

  /** At the end of this turn, with all that came in it, when there is room under way. */
  #flushSoon(): void {
    if (this.#flushing || this.#underWay.length >= this.#requestsMax) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #pack(write: Write): PackedWrite {
    if (write.type === 'delete') return { ...write, offset: 0, length: 0 };
    const { value, ...rest } = write;
    const packed = { ...rest, offset: this.#size, length: value.length };
    this.#values.push(value);
    this.#size += value.length;
    return packed;
  }

  #flush(): void {
    const bytes = new Uint8Array(this.#size);
    let at = 0;
    for (const value of this.#values) {
      bytes.set(value, at);
      at += value.length;
    }
    const nowMs = this.#clock.now();
    const request: Request = { commands: this.#outbox, bytes: bytes.buffer, nowMs };
    this.#underWay.push(this.#outbox.at(-1)?.id ?? 0);
    this.#outbox = [];
    this.#values = [];
    this.#size = 0;
    this.#worker.postMessage(request, [bytes.buffer]);
  }

  #settle(answers: readonly Answer[]): void {
    for (const answer of answers) {
      const pending = this.#pending.get(answer.id);
      if (pending === undefined) continue;
      this.#pending.delete(answer.id);
      this.#events?.onAnswer(answer, pending.order);
      if (answer.type === 'error') pending.reject(new StoreError(answer.code, answer.message));
      else pending.resolve(answer);
    }
    this.#events?.onCommit();
    const done = answers.at(-1)?.id ?? 0;
    while ((this.#underWay[0] ?? Infinity) <= done) this.#underWay.shift();
    if (this.#outbox.length > 0) this.#flushSoon();
  }

  #lost(cause: Error): void {
    const error = new StoreError('unavailable', `The store has failed: ${cause.message}`, {
      cause,
    });
    this.#failure ??= error;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    this.#events?.onGone(error);
  }
}
