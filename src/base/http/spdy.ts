/**
 * SPDY/3.1: several streams of bytes over one connection, as kubectl and container runtimes still
 * speak it for exec, attach and port-forward.
 *
 * Source: draft-mbelshe-httpbis-spdy-00. As its other speakers here (moby/spdystream) do, ours
 * keeps to the connection's own flow control and grants every window at once.
 */
import type { Duplex } from 'node:stream';
import { drained } from './back-pressure.ts';
import { errorOf } from '../error.ts';
import { type SpdyHeaders, SpdyHeaderReader, SpdyHeaderWriter } from './spdy-headers.ts';

const VERSION = 3;
const TYPE = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
} as const;
const FLAG_FIN = 1;
const RST_CANCEL = 5;
/** Frames carry at most this much of what is written at once. */
const DATA_BYTES_MAX = 64 * 1024;
/** Streams of one connection at a time. */
const STREAMS_MAX = 1000;

export interface SpdyConnectionOptions {
  /** Clients number their streams with odd numbers, servers with even ones. */
  readonly role: 'client' | 'server';
  /** A stream that the other end opened. It must be answered with `reply` or `reset`. */
  readonly onStream?: (stream: SpdyStream, headers: SpdyHeaders) => void;
  /** The connection has ended, with an error if it broke. Told once. */
  readonly onClose?: (error?: Error) => void;
}

/** One stream: `onData` and `onEnd` are set by whoever uses it, before it yields to the loop. */
export class SpdyStream {
  readonly id: number;
  readonly #connection: SpdyConnection;
  onData: (bytes: Uint8Array) => void = () => {};
  /** The other end sends no more. Also told when the stream or the connection broke. */
  onEnd: () => void = () => {};
  localEnded = false;
  remoteEnded = false;

  constructor(connection: SpdyConnection, id: number) {
    this.#connection = connection;
    this.id = id;
  }

  /** False when the connection is slow: wait for `drained`. */
  write(bytes: Uint8Array): boolean {
    return this.localEnded || this.#connection.sendData(this, bytes, false);
  }

  /** Sends no more. */
  end(): void {
    if (!this.localEnded) this.#connection.sendData(this, new Uint8Array(0), true);
  }

  reply(headers: SpdyHeaders = {}): void {
    this.#connection.sendReply(this, headers);
  }

  reset(): void {
    this.#connection.sendReset(this);
  }
}

export class SpdyConnection {
  readonly #socket: Duplex;
  readonly #options: SpdyConnectionOptions;
  readonly #streams = new Map<number, SpdyStream>();
  readonly #reader = new SpdyHeaderReader();
  readonly #writer = new SpdyHeaderWriter();
  #buffer: Buffer;
  #nextId: number;
  #closed = false;

  /** `head`: what came with the answer that upgraded the connection. */
  constructor(socket: Duplex, head: Uint8Array, options: SpdyConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#nextId = options.role === 'client' ? 1 : 2;
    this.#buffer = Buffer.from(head);
    socket.on('data', (bytes: Uint8Array) => this.#receive(bytes));
    socket.on('end', () => this.#finish());
    socket.on('close', () => this.#finish());
    socket.on('error', (error: Error) => this.#finish(error));
    if (head.length > 0) queueMicrotask(() => this.#receive(new Uint8Array(0)));
  }

  openStream(headers: SpdyHeaders): SpdyStream {
    const stream = new SpdyStream(this, this.#nextId);
    this.#nextId += 2;
    this.#streams.set(stream.id, stream);
    const head = Buffer.alloc(10);
    head.writeUInt32BE(stream.id);
    this.#sendControl(TYPE.synStream, 0, [head, this.#writer.encode(headers)]);
    return stream;
  }

  /** Resolves when the connection takes more, or has ended. */
  drained(): Promise<void> {
    return this.#closed ? Promise.resolve() : drained(this.#socket);
  }

  /** Stops reading while whoever takes the data is slow. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    if (this.#closed) return;
    const head = Buffer.alloc(8);
    this.#sendControl(TYPE.goAway, 0, [head]);
    this.#socket.end();
    this.#finish();
  }

  sendData(stream: SpdyStream, bytes: Uint8Array, fin: boolean): boolean {
    if (this.#closed) return true;
    let ready = true;
    for (let i = 0; i < bytes.length || (i === 0 && fin); i += DATA_BYTES_MAX) {
      const part = bytes.subarray(i, i + DATA_BYTES_MAX);
      const last = fin && i + DATA_BYTES_MAX >= bytes.length;
      const head = Buffer.alloc(8);
      head.writeUInt32BE(stream.id);
      head.writeUInt32BE((last ? FLAG_FIN << 24 : 0) + part.length, 4);
      this.#socket.write(head);
      ready = this.#socket.write(part);
    }
    if (fin) {
      stream.localEnded = true;
      this.#forgetEnded(stream);
    }
    return ready;
  }

  sendReply(stream: SpdyStream, headers: SpdyHeaders): void {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(stream.id);
    this.#sendControl(TYPE.synReply, 0, [head, this.#writer.encode(headers)]);
  }

  sendReset(stream: SpdyStream): void {
    const body = Buffer.alloc(8);
    body.writeUInt32BE(stream.id);
    body.writeUInt32BE(RST_CANCEL, 4);
    this.#sendControl(TYPE.rstStream, 0, [body]);
    this.#streams.delete(stream.id);
  }

  #sendControl(type: number, flags: number, parts: readonly Uint8Array[]): void {
    if (this.#closed) return;
    const body = Buffer.concat(parts);
    const head = Buffer.alloc(8);
    head.writeUInt16BE(0x8000 | VERSION);
    head.writeUInt16BE(type, 2);
    head.writeUInt32BE(flags * 2 ** 24 + body.length, 4);
    this.#socket.write(Buffer.concat([head, body]));
  }

  #receive(bytes: Uint8Array): void {
    this.#buffer =
      this.#buffer.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#buffer, bytes]);
    try {
      while (this.#buffer.length >= 8 && !this.#closed) {
        const length = this.#buffer.readUInt32BE(4) & 0xffffff;
        if (this.#buffer.length < 8 + length) return;
        const frame = this.#buffer.subarray(0, 8 + length);
        this.#buffer = this.#buffer.subarray(8 + length);
        if ((frame[0] ?? 0) >= 0x80) this.#control(frame);
        else this.#data(frame);
      }
    } catch (error) {
      this.#socket.destroy();
      this.#finish(errorOf(error));
    }
  }

  #data(frame: Buffer): void {
    const stream = this.#streams.get(frame.readUInt32BE(0));
    if (stream === undefined) return;
    const payload = frame.subarray(8);
    // No WINDOW_UPDATE is sent: the peers of this protocol (Go's spdystream, everywhere) do not hold
    // their data back for one, and a frame that reaches a server which has just closed makes the
    // kernel drop what the server had sent and we had not read.
    if (payload.length > 0) stream.onData(payload);
    if (((frame[4] ?? 0) & FLAG_FIN) !== 0) this.#remoteEnd(stream);
  }

  #control(frame: Buffer): void {
    const type = frame.readUInt16BE(2);
    const body = frame.subarray(8);
    const fin = ((frame[4] ?? 0) & FLAG_FIN) !== 0;
    if (type === TYPE.synStream) this.#accept(body, fin);
    else if (type === TYPE.synReply || type === TYPE.headers) {
      this.#reader.decode(body.subarray(4));
      const stream = this.#streams.get(body.readUInt32BE(0));
      if (fin && stream !== undefined) this.#remoteEnd(stream);
    } else if (type === TYPE.rstStream) {
      const stream = this.#streams.get(body.readUInt32BE(0));
      if (stream !== undefined) {
        stream.localEnded = true;
        this.#remoteEnd(stream);
      }
    } else if (type === TYPE.ping) this.#pong(body);
  }

  /** A ping that we did not send is sent back. */
  #pong(body: Buffer): void {
    const ours = body.readUInt32BE(0) % 2 === (this.#options.role === 'client' ? 1 : 0);
    if (!ours) this.#sendControl(TYPE.ping, 0, [body]);
  }

  #accept(body: Buffer, fin: boolean): void {
    const stream = new SpdyStream(this, body.readUInt32BE(0) & 0x7fffffff);
    const headers = this.#reader.decode(body.subarray(10));
    const { onStream } = this.#options;
    if (onStream === undefined || this.#streams.size >= STREAMS_MAX) return stream.reset();
    this.#streams.set(stream.id, stream);
    onStream(stream, headers);
    if (fin) this.#remoteEnd(stream);
  }

  #remoteEnd(stream: SpdyStream): void {
    if (stream.remoteEnded) return;
    stream.remoteEnded = true;
    stream.onEnd();
    this.#forgetEnded(stream);
  }

  #forgetEnded(stream: SpdyStream): void {
    if (stream.localEnded && stream.remoteEnded) this.#streams.delete(stream.id);
  }

  #finish(error?: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const stream of this.#streams.values()) this.#remoteEnd(stream);
    this.#streams.clear();
    this.#options.onClose?.(error);
  }
}
