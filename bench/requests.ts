/** Many requests over few connections, and a watch that only counts: loads that cost little themselves. */
import { Connection, type Target } from './api/connection.ts';
import { requestTemplate } from './api/pod.ts';
import { type Patience, sleep, within } from './wait.ts';

const JSON_TYPE = 'application/json';

/** The bytes of a request with a body in JSON. */
export function jsonRequest(
  method: 'POST' | 'PUT' | 'DELETE',
  path: string,
  body: unknown,
): Buffer {
  return requestTemplate({
    method,
    path,
    accept: JSON_TYPE,
    contentType: JSON_TYPE,
    body: Buffer.from(JSON.stringify(body)),
  }).with();
}

/** Connections that each have one request under way. */
export class Requests {
  readonly #connections: readonly Connection[];

  private constructor(connections: readonly Connection[]) {
    this.#connections = connections;
  }

  static async open(target: Target, connections: number): Promise<Requests> {
    return new Requests(
      await Promise.all(Array.from({ length: connections }, () => Connection.open(target))),
    );
  }

  /** Sends `count` requests; rejects with the first refusal. */
  async send(count: number, requestOf: (index: number) => Uint8Array): Promise<void> {
    let next = 0;
    const work = async (connection: Connection): Promise<void> => {
      while (next < count) await connection.exchange(requestOf(next++));
    };
    await Promise.all(this.#connections.map(work));
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }
}

const NEWLINE = 0x0a;
const ADDED = Buffer.from('{"type":"ADDED"');
const AGAIN_MS = 10;

interface Wait {
  readonly count: number;
  readonly resolve: (atMs: number) => void;
}

/** Counts the objects that come into a selection from now on. */
export class Arrivals {
  count = 0;
  readonly #target: Target;
  readonly #path: string;
  readonly #waits = new Set<Wait>();
  readonly #failed = Promise.withResolvers<never>();
  #connection: Connection | undefined;
  #closed = false;
  /** The pieces of the line that is being read. */
  #pieces: Buffer[] = [];
  #lastLine: Buffer | undefined;

  /** `path`: of the collection, with the query of its selection, which has no `watch` in it. */
  static async open(target: Target, path: string): Promise<Arrivals> {
    const watch = new Arrivals(target, path);
    const watching = Promise.withResolvers<void>();
    watch.#follow(watching.resolve).catch((error: unknown) => watch.#failed.reject(error));
    await Promise.race([watching.promise, watch.#failed.promise]);
    return watch;
  }

  private constructor(target: Target, path: string) {
    this.#target = target;
    this.#path = path;
    this.#failed.promise.catch(() => {});
  }

  /** Resolves with the moment (`performance.now()`) when `count` had come. */
  until(count: number, patience: Patience): Promise<number> {
    const reached = new Promise<number>((resolve) => {
      this.#waits.add({ count, resolve });
      this.#wake();
    });
    return within(Promise.race([reached, this.#failed.promise]), patience).catch(
      (error: unknown) => {
        throw new Error(`${String(error)}: ${this.count} came`, { cause: error });
      },
    );
  }

  close(): void {
    this.#closed = true;
    this.#connection?.close();
  }

  /** A server may end a watch at any time, of a reader that is too slow for one: it goes on from there. */
  async #follow(onWatching: () => void): Promise<void> {
    const query = `${this.#path.includes('?') ? '&' : '?'}watch=1&timeoutSeconds=7200`;
    while (!this.#closed) {
      const path = `${this.#path}${query}&resourceVersion=${this.#resourceVersion()}`;
      const connection = await Connection.open(this.#target);
      this.#connection = connection;
      this.#pieces = [];
      connection.onHead = onWatching;
      connection.onBody = (piece) => this.#read(piece);
      await connection.exchange(requestTemplate({ method: 'GET', path, accept: JSON_TYPE }).with());
      connection.close();
      await sleep(AGAIN_MS);
    }
  }

  /** That of the last event; 0 stands for what the server has at hand. */
  #resourceVersion(): string {
    const line = this.#lastLine?.toString() ?? '';
    return /"resourceVersion":"(\d+)"/.exec(line)?.[1] ?? '0';
  }

  #read(piece: Buffer): void {
    let from = 0;
    for (let end = piece.indexOf(NEWLINE); end >= 0; end = piece.indexOf(NEWLINE, from)) {
      this.#pieces.push(piece.subarray(from, end));
      const line = Buffer.concat(this.#pieces);
      this.#pieces = [];
      this.#lastLine = line;
      if (line.subarray(0, ADDED.length).equals(ADDED)) this.count++;
      from = end + 1;
    }
    if (from < piece.length) this.#pieces.push(piece.subarray(from));
    this.#wake();
  }

  #wake(): void {
    for (const wait of this.#waits) {
      if (this.count < wait.count) continue;
      this.#waits.delete(wait);
      wait.resolve(performance.now());
    }
  }
}
