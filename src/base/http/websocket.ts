/**
 * WebSocket, the server's end: the handshake and the frames.
 *
 * Source: RFC 6455. Not the `ws` package: kubectl's tunnel for port-forward names a subprotocol
 * with a "/" in it, which that refuses.
 */
import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { drained } from './back-pressure.ts';
import type { Headers } from './message.ts';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
/** A message, in however many frames. */
const MESSAGE_BYTES_MAX = 16 * 1024 * 1024;

export function isWebSocketRequest(headers: Headers): boolean {
  const upgrade = headers['upgrade']?.toLowerCase() === 'websocket';
  return upgrade && /\bupgrade\b/i.test(headers['connection'] ?? '');
}

/** The subprotocols that the client offers, in its order. */
export function offeredProtocols(headers: Headers): string[] {
  const text = headers['sec-websocket-protocol'] ?? '';
  return text
    .split(',')
    .map((protocol) => protocol.trim())
    .filter((protocol) => protocol !== '');
}

/** Headers of the answer (status 101) that accepts the connection. */
export function acceptHeaders(headers: Headers, protocol: string | undefined): Headers {
  const key = headers['sec-websocket-key'] ?? '';
  return {
    upgrade: 'websocket',
    connection: 'Upgrade',
    'sec-websocket-accept': createHash('sha1').update(`${key}${GUID}`).digest('base64'),
    ...(protocol === undefined || protocol === '' ? {} : { 'sec-websocket-protocol': protocol }),
  };
}

export interface WebSocketEvents {
  onMessage(bytes: Uint8Array, text: boolean): void;
  /** Told once. */
  onClose(): void;
}

/** A connection after the handshake. */
export class WebSocketConnection {
  readonly #socket: Duplex;
  readonly #events: WebSocketEvents;
  #buffer: Buffer;
  #message: Buffer[] = [];
  #messageBytes = 0;
  #messageIsText = false;
  #closed = false;

  constructor(socket: Duplex, head: Uint8Array, events: WebSocketEvents) {
    this.#socket = socket;
    this.#events = events;
    this.#buffer = Buffer.from(head);
    socket.on('data', (bytes: Uint8Array) => this.#receive(bytes));
    socket.on('end', () => this.#finish());
    socket.on('close', () => this.#finish());
    socket.on('error', () => this.#finish());
    if (head.length > 0) queueMicrotask(() => this.#receive(new Uint8Array(0)));
  }

  /** False when the connection is slow: wait for `drained`. */
  send(bytes: Uint8Array, text = false): boolean {
    if (this.#closed) return true;
    return this.#frame(text ? OPCODE.text : OPCODE.binary, bytes);
  }

  drained(): Promise<void> {
    return this.#closed ? Promise.resolve() : drained(this.#socket);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(code = 1000): void {
    if (this.#closed) return;
    const payload = Buffer.alloc(2);
    payload.writeUInt16BE(code);
    this.#frame(OPCODE.close, payload);
    this.#socket.end();
    this.#finish();
  }

  /** A server does not mask what it sends. */
  #frame(opcode: number, payload: Uint8Array): boolean {
    const { length } = payload;
    const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
    head[0] = 0x80 | opcode;
    if (length < 126) head[1] = length;
    else if (length < 65_536) {
      head[1] = 126;
      head.writeUInt16BE(length, 2);
    } else {
      head[1] = 127;
      head.writeBigUInt64BE(BigInt(length), 2);
    }
    this.#socket.write(head);
    return this.#socket.write(payload);
  }

  #receive(bytes: Uint8Array): void {
    this.#buffer =
      this.#buffer.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#buffer, bytes]);
    while (!this.#closed) {
      const frame = takeFrame(this.#buffer);
      if (frame === undefined) return;
      if (frame === 'invalid') return this.close(1002);
      this.#buffer = frame.rest;
      this.#handle(frame);
    }
  }

  #handle({ opcode, fin, payload }: Frame): void {
    if (opcode === OPCODE.ping) this.#frame(OPCODE.pong, payload);
    else if (opcode === OPCODE.close) this.close();
    else if (opcode <= OPCODE.binary) {
      if (opcode !== OPCODE.continuation) this.#messageIsText = opcode === OPCODE.text;
      this.#message.push(payload);
      this.#messageBytes += payload.length;
      if (this.#messageBytes > MESSAGE_BYTES_MAX) return this.close(1009);
      if (!fin) return;
      const message = Buffer.concat(this.#message, this.#messageBytes);
      this.#message = [];
      this.#messageBytes = 0;
      this.#events.onMessage(message, this.#messageIsText);
    }
  }

  #finish(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#events.onClose();
  }
}

interface Frame {
  readonly opcode: number;
  readonly fin: boolean;
  readonly payload: Buffer;
  readonly rest: Buffer;
}

/** Undefined when more must come. A client masks what it sends. */
function takeFrame(buffer: Buffer): Frame | 'invalid' | undefined {
  if (buffer.length < 2) return undefined;
  const first = buffer.readUInt8(0);
  const second = buffer.readUInt8(1);
  if ((first & 0x70) !== 0 || second < 0x80) return 'invalid';
  const short = second & 0x7f;
  const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
  const start = 2 + lengthBytes + 4;
  if (buffer.length < start) return undefined;
  const length =
    lengthBytes === 0
      ? short
      : lengthBytes === 2
        ? buffer.readUInt16BE(2)
        : Number(buffer.readBigUInt64BE(2));
  if (length > MESSAGE_BYTES_MAX) return 'invalid';
  if (buffer.length < start + length) return undefined;
  const mask = buffer.subarray(start - 4, start);
  const payload = Buffer.from(buffer.subarray(start, start + length));
  for (let i = 0; i < payload.length; i++) payload[i] = (payload[i] ?? 0) ^ (mask[i % 4] ?? 0);
  return {
    opcode: first & 0x0f,
    fin: (first & 0x80) !== 0,
    payload,
    rest: buffer.subarray(start + length),
  };
}
