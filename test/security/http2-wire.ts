/**
 * HTTP/2 by hand: frames as an attacker would write them, which no client library sends.
 *
 * RFC 9113 for frames, RFC 7541 for header blocks (literals and references only, no Huffman codes).
 */
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';

export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;
export const FLAG = { endStream: 1, ack: 1, endHeaders: 4 } as const;

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const HEAD_BYTES = 9;
const SETTING_INITIAL_WINDOW = 4;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** A frame as it goes over the line; an empty payload unless given. */
export function frame(type: number, flags: number, stream: number, payload?: Uint8Array): Buffer {
  const body = payload ?? Buffer.alloc(0);
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUIntBE(body.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, body]);
}

/** A number in a prefix of 7 bits, as lengths of strings have it. */
function lengthOf(value: number): Buffer {
  if (value < 127) return Buffer.from([value]);
  const bytes = [127];
  let rest = value - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}

function string(text: string): Buffer {
  return Buffer.concat([lengthOf(text.length), Buffer.from(text)]);
}

/** A literal header; `indexed`: the server is to keep it in its table. */
export function literal(name: string, value: string, indexed = false): Buffer {
  return Buffer.concat([Buffer.from([indexed ? 0x40 : 0]), string(name), string(value)]);
}

/** The newest entry of the dynamic table, by one byte. */
export const NEWEST = Buffer.from([0x80 | 62]);

/** The header block of a GET. */
export function getBlock(path: string): Buffer {
  return Buffer.concat([
    // :method GET and :scheme https are entries of the static table.
    Buffer.from([0x82, 0x87]),
    literal(':path', path),
    literal(':authority', 'x'),
  ]);
}

/** The header block of a POST. */
export function postBlock(path: string): Buffer {
  return Buffer.concat([
    Buffer.from([0x83, 0x87]),
    literal(':path', path),
    literal(':authority', 'x'),
  ]);
}

/** One connection of an attacker. */
export class WireClient {
  readonly socket: TLSSocket;
  /** All frames that came so far. */
  readonly frames: Frame[] = [];
  /** When the server has closed the connection. */
  readonly ended: Promise<void>;
  #rest: Buffer = Buffer.alloc(0);
  #wake = (): void => {};

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on('error', () => {});
    this.ended = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.once('close', () => this.#wake());
    socket.on('data', (bytes: Buffer) => this.#take(bytes));
  }

  /** Resolves when the two sides know each other's settings. `window`: what the server may send on each stream. */
  static async open(
    port: number,
    options: { readonly identity?: { cert: string; key: string }; readonly window?: number } = {},
  ): Promise<WireClient> {
    const socket = connect({
      port,
      host: '127.0.0.1',
      ALPNProtocols: ['h2'],
      rejectUnauthorized: false,
      ...options.identity,
    });
    const client = new WireClient(socket);
    await once(socket, 'secureConnect');
    const settings = Buffer.alloc(options.window === undefined ? 0 : 6);
    if (options.window !== undefined) {
      settings.writeUInt16BE(SETTING_INITIAL_WINDOW);
      settings.writeUInt32BE(options.window, 2);
    }
    socket.write(Buffer.concat([Buffer.from(PREFACE), frame(FRAME.settings, 0, 0, settings)]));
    await client.next(({ type, flags }) => type === FRAME.settings && flags === 0);
    await client.send(frame(FRAME.settings, FLAG.ack, 0));
    return client;
  }

  /** Writes; resolves when the line takes more, or is closed. */
  async send(...frames: readonly Uint8Array[]): Promise<void> {
    const { socket } = this;
    if (socket.destroyed || socket.write(Buffer.concat(frames))) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    socket.once('drain', resolve);
    await Promise.race([promise, this.ended]);
  }

  /** Whether the server still answers to a PING behind all that was sent. */
  async survives(): Promise<boolean> {
    const word = Buffer.from('survives');
    await this.send(frame(FRAME.ping, 0, 0, word));
    const answer = await this.next(
      ({ type, payload }) => type === FRAME.ping && payload.equals(word),
    );
    return answer !== undefined;
  }

  /** The first frame that `fits`; undefined when the connection ends without one. */
  async next(fits: (frame: Frame) => boolean): Promise<Frame | undefined> {
    for (;;) {
      const found = this.frames.find(fits);
      if (found !== undefined || this.socket.closed) return found;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Why the server says that it ends the connection (RFC 9113, 7); undefined when it says nothing. */
  get goodbye(): number | undefined {
    return this.frames.findLast(({ type }) => type === FRAME.goAway)?.payload.readUInt32BE(4);
  }

  #take(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    while (this.#rest.length >= HEAD_BYTES) {
      const end = HEAD_BYTES + this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < end) break;
      this.frames.push({
        type: this.#rest.readUInt8(3),
        flags: this.#rest.readUInt8(4),
        stream: this.#rest.readUInt32BE(5),
        payload: this.#rest.subarray(HEAD_BYTES, end),
      });
      this.#rest = this.#rest.subarray(end);
    }
    this.#wake();
  }
}
