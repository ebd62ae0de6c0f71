/**
 * One HTTP/1.1 connection over TLS, with as little work as can be: the load of a bench must cost
 * less than what it measures. Requests are bytes that were made before the clock began; of answers
 * it reads the status and counts the bytes.
 */
import { connect, type TLSSocket } from 'node:tls';

export interface Target {
  readonly host: string;
  readonly port: number;
  /** PEM. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface Answer {
  readonly status: number;
  /** Of the body. */
  readonly bytes: number;
}

const HEAD_END = Buffer.from('\r\n\r\n');
const LINE_END = Buffer.from('\r\n');
/** How much of a refusal is kept, to be shown. */
const REFUSAL_BYTES_MAX = 2_000;

/** What of an answer comes next. */
type Expecting = 'head' | 'body' | 'chunk size' | 'chunk' | 'chunk end';

export class Connection {
  readonly #socket: TLSSocket;
  #expecting: Expecting = 'head';
  /** Bytes that were not enough for what is expected. */
  #rest: Buffer | undefined;
  /** Bytes of the body or chunk that are still to come. */
  #left = 0;
  #status = 0;
  #bytes = 0;
  #refusal = '';
  #settle: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined;
  /** Called when the head of an answer has come that is no refusal. */
  onHead: (() => void) | undefined;
  /** Gets each piece of a body as it comes. */
  onBody: ((piece: Buffer) => void) | undefined;

  static open(target: Target): Promise<Connection> {
    const { host, port, ca, cert, key } = target;
    return new Promise((resolve, reject) => {
      const options = { host, port, ca, cert, key, servername: 'localhost' };
      const socket = connect({ ...options, ALPNProtocols: ['http/1.1'] }, () => {
        socket.off('error', reject);
        resolve(new Connection(socket));
      });
      socket.once('error', reject);
    });
  }

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('The server closed the connection')));
  }

  /** Sends a whole request, and resolves with its answer. Rejects when it is a refusal. */
  exchange(request: Uint8Array): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#settle = undefined;
    this.#socket.destroy();
  }

  #fail(error: Error): void {
    this.#settle?.reject(error);
    this.#settle = undefined;
  }

  #read(received: Buffer): void {
    let bytes = this.#rest === undefined ? received : Buffer.concat([this.#rest, received]);
    this.#rest = undefined;
    while (bytes.length > 0) {
      const used = this.#step(bytes);
      if (used === undefined) {
        this.#rest = bytes;
        return;
      }
      bytes = bytes.subarray(used);
    }
  }

  /** Reads what is expected next. Answers how many bytes that took; undefined: they are too few. */
  #step(bytes: Buffer): number | undefined {
    switch (this.#expecting) {
      case 'head':
        return this.#readHead(bytes);
      case 'chunk size':
        return this.#readChunkSize(bytes);
      case 'chunk end':
        if (bytes.length < LINE_END.length) return undefined;
        this.#expecting = 'chunk size';
        return LINE_END.length;
      case 'body':
      case 'chunk':
        return this.#readBody(bytes);
    }
  }

  #readHead(bytes: Buffer): number | undefined {
    const end = bytes.indexOf(HEAD_END);
    if (end < 0) return undefined;
    const head = bytes.toString('latin1', 0, end).toLowerCase();
    this.#status = Number(head.slice(9, 12));
    this.#bytes = 0;
    this.#refusal = '';
    const length = /\r\ncontent-length: *(\d+)/.exec(head)?.[1];
    if (length === undefined) this.#expecting = 'chunk size';
    else {
      this.#left = Number(length);
      this.#expecting = 'body';
      if (this.#left === 0) this.#done();
    }
    if (this.#status < 300) this.onHead?.();
    return end + HEAD_END.length;
  }

  #readChunkSize(bytes: Buffer): number | undefined {
    const end = bytes.indexOf(LINE_END);
    if (end < 0) return undefined;
    this.#left = Number.parseInt(bytes.toString('latin1', 0, end), 16);
    if (this.#left > 0) {
      this.#expecting = 'chunk';
      return end + LINE_END.length;
    }
    // The last chunk: another line end follows, because there are no trailers.
    const whole = end + 2 * LINE_END.length;
    if (bytes.length < whole) return undefined;
    this.#done();
    return whole;
  }

  #readBody(bytes: Buffer): number {
    const used = Math.min(this.#left, bytes.length);
    this.#left -= used;
    this.#bytes += used;
    const piece = used === bytes.length ? bytes : bytes.subarray(0, used);
    if (this.#status >= 300 && this.#refusal.length < REFUSAL_BYTES_MAX)
      this.#refusal += piece.toString();
    else this.onBody?.(piece);
    if (this.#left === 0) {
      if (this.#expecting === 'chunk') this.#expecting = 'chunk end';
      else this.#done();
    }
    return used;
  }

  #done(): void {
    this.#expecting = 'head';
    const settle = this.#settle;
    this.#settle = undefined;
    if (this.#status < 300) settle?.resolve({ status: this.#status, bytes: this.#bytes });
    else settle?.reject(new Error(`The server answered ${this.#status}: ${this.#refusal}`));
  }
}
