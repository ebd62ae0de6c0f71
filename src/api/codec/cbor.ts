/**
 * CBOR, as Kubernetes uses it: JSON's values in another form, so it is read into JSON text and
 * written from JSON's values.
 *
 * Source: RFC 8949; KEP-4222 and upstream
 * staging/src/k8s.io/apimachinery/pkg/runtime/serializer/cbor/internal/modes for the choices that the
 * RFC leaves open: strings are written as byte strings, both kinds are read; no NaN, no infinity, no
 * big integers; a key that comes twice is an error; tags that say nothing to JSON are passed over.
 */
import { timeText } from '../meta/time.ts';
import type { Json, JsonObject } from '../meta/object.ts';

/** What is no CBOR, or none that JSON has a value for. */
export class CborError extends Error {
  constructor(message: string) {
    super(`cbor: ${message}`);
    this.name = 'CborError';
  }
}

/** Containers within containers; deeper is an error. */
const DEPTH_MAX = 1_000;

const MAJOR = {
  unsigned: 0,
  negative: 1,
  bytes: 2,
  text: 3,
  array: 4,
  map: 5,
  tag: 6,
  simple: 7,
} as const;
const INDEFINITE = 31;
const BREAK = 0xff;

/** RFC 8949, 3.4.6: says that what follows is CBOR. Upstream begins each object with it. */
const SELF_DESCRIBED: Uint8Array = Uint8Array.of(0xd9, 0xd9, 0xf7);

const TAG = { time: 0, epoch: 1, bignum: 2, negativeBignum: 3, url: 21, base64: 22, base16: 23 };

const INT64_LIMIT = 2 ** 63;
const INT64_MAX = 2n ** 63n - 1n;

/** The JSON text of the one value that `bytes` hold. Throws CborError. */
export function cborToJson(bytes: Uint8Array): string {
  const reader = new Reader(bytes);
  const text = reader.value(0);
  reader.end();
  return text;
}

interface Head {
  readonly major: number;
  /** The low five bits of the first byte. */
  readonly info: number;
  /** A length or a number; 0 for an indefinite length. */
  readonly argument: bigint;
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  end(): void {
    const left = this.#bytes.length - this.#at;
    if (left > 0)
      throw new CborError(`${left} bytes of extraneous data starting at index ${this.#at}`);
  }

  /** The JSON text of the next value. */
  value(depth: number): string {
    if (depth > DEPTH_MAX) throw new CborError(`exceeded max nested level ${DEPTH_MAX}`);
    const head = this.#head();
    switch (head.major) {
      case MAJOR.unsigned:
        return integer(head.argument);
      case MAJOR.negative:
        return integer(-1n - head.argument);
      case MAJOR.bytes:
      case MAJOR.text:
        return JSON.stringify(this.#string(head).toString());
      case MAJOR.array:
        return `[${this.#items(head, () => this.value(depth + 1)).join(',')}]`;
      case MAJOR.map:
        return this.#map(head, depth);
      case MAJOR.tag:
        return this.#tagged(Number(head.argument), depth);
      default:
        return this.#simple(head);
    }
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new CborError('unexpected EOF');
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  #head(): Head {
    const first = this.#take(1).readUInt8();
    const major = first >> 5;
    const info = first & 0x1f;
    if (info < 24) return { major, info, argument: BigInt(info) };
    if (info === INDEFINITE) {
      const isAllowed = major >= MAJOR.bytes && major <= MAJOR.map;
      if (!isAllowed) throw new CborError(`unexpected "break" or indefinite length`);
      return { major, info, argument: 0n };
    }
    if (info > 27) throw new CborError(`invalid additional information ${info} for type ${major}`);
    const size = 1 << (info - 24);
    const bytes = this.#take(size);
    const argument = size === 8 ? bytes.readBigUInt64BE() : BigInt(bytes.readUIntBE(0, size));
    return { major, info, argument };
  }

  /** Calls `read` for each item of a list or a map. */
  #items<T>({ info, argument }: Head, read: () => T): T[] {
    const items: T[] = [];
    if (info !== INDEFINITE) {
      // Each item takes a byte at least: what claims more than there is ends soon.
      for (let i = 0n; i < argument; i++) items.push(read());
      return items;
    }
    while (this.#bytes[this.#at] !== BREAK) items.push(read());
    this.#at++;
    return items;
  }

  #map(head: Head, depth: number): string {
    const keys = new Set<string>();
    const members = this.#items(head, () => {
      const key = this.#key();
      if (keys.has(key)) throw new CborError(`found duplicate map key ${key}`);
      keys.add(key);
      return `${key}:${this.value(depth + 1)}`;
    });
    return `{${members.join(',')}}`;
  }

  #key(): string {
    const head = this.#head();
    if (head.major !== MAJOR.bytes && head.major !== MAJOR.text)
      throw new CborError('invalid map key type: keys are strings');
    return JSON.stringify(this.#string(head).toString());
  }

  #string(head: Head): Buffer {
    const { major, info, argument } = head;
    if (info !== INDEFINITE) {
      if (argument > BigInt(this.#bytes.length)) throw new CborError('unexpected EOF');
      return checked(this.#take(Number(argument)), major);
    }
    const chunks = this.#items(head, () => {
      const chunk = this.#head();
      if (chunk.major !== major || chunk.info === INDEFINITE)
        throw new CborError('wrong element type for an indefinite-length string');
      return this.#string(chunk);
    });
    return Buffer.concat(chunks);
  }

  #tagged(tag: number, depth: number): string {
    if (tag === TAG.bignum || tag === TAG.negativeBignum)
      throw new CborError('bignum tags are forbidden');
    const encoding = LATER_ENCODINGS.get(tag);
    const isBytes = (this.#bytes[this.#at] ?? 0) >> 5 === MAJOR.bytes;
    if (encoding !== undefined && isBytes)
      return JSON.stringify(encoding(this.#string(this.#head())));
    const text = this.value(depth + 1);
    if (tag === TAG.epoch) return epochTime(text);
    if (tag === TAG.time && Number.isNaN(Date.parse(text.slice(1, -1))))
      throw new CborError(`cannot set ${text} for time.Time`);
    return text;
  }

  #simple({ info }: Head): string {
    switch (info) {
      case 20:
        return 'false';
      case 21:
        return 'true';
      case 22:
        return 'null';
      case 25:
        return float(halfOf(this.#bytes.readUInt16BE(this.#at - 2)));
      case 26:
        return float(this.#bytes.readFloatBE(this.#at - 4));
      case 27:
        return float(this.#bytes.readDoubleBE(this.#at - 8));
      default:
        throw new CborError(`simple value ${info} is not recognized`);
    }
  }
}

/** Tags of bytes that JSON has as text: which text. */
const LATER_ENCODINGS: ReadonlyMap<number, (bytes: Buffer) => string> = new Map([
  [TAG.url, (bytes) => bytes.toString('base64url')],
  [TAG.base64, (bytes) => bytes.toString('base64')],
  [TAG.base16, (bytes) => bytes.toString('hex')],
]);

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** Text must be UTF-8; bytes that are none become replacement characters later. */
function checked(bytes: Buffer, major: number): Buffer {
  if (major !== MAJOR.text) return bytes;
  try {
    UTF8.decode(bytes);
    return bytes;
  } catch {
    throw new CborError('invalid UTF-8 string');
  }
}

function integer(value: bigint): string {
  if (value > INT64_MAX || value < -INT64_MAX - 1n)
    throw new CborError(`cannot use ${value}: it overflows int64`);
  return String(value);
}

function float(value: number): string {
  if (!Number.isFinite(value)) throw new CborError(`cannot use ${value}: it is no finite number`);
  return JSON.stringify(value);
}

function epochTime(text: string): string {
  const milliseconds = Number(text) * 1000;
  if (Number.isNaN(new Date(milliseconds).getTime()))
    throw new CborError(`cannot set ${text} for time.Time`);
  return JSON.stringify(timeText(milliseconds));
}

/** RFC 8949, appendix D. */
function halfOf(bits: number): number {
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  const sign = bits >> 15 === 0 ? 1 : -1;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** The CBOR of a value of JSON, with the tag that says what it is. */
export function jsonToCbor(value: Json): Uint8Array {
  const writer = new Writer();
  writer.value(value);
  return Buffer.concat([SELF_DESCRIBED, ...writer.pieces]);
}

class Writer {
  readonly pieces: Uint8Array[] = [];

  value(value: Json | undefined): void {
    if (value === null || value === undefined) this.#simple(22);
    else if (typeof value === 'boolean') this.#simple(value ? 21 : 20);
    else if (typeof value === 'string') this.#string(value);
    else if (typeof value === 'number') this.#number(value);
    else if (Array.isArray(value)) {
      this.#head(MAJOR.array, value.length);
      for (const item of value) this.value(item);
    } else this.#object(value);
  }

  #object(object: JsonObject): void {
    const members = Object.entries(object).filter(([, member]) => member !== undefined);
    this.#head(MAJOR.map, members.length);
    for (const [key, member] of members) {
      this.#string(key);
      this.value(member);
    }
  }

  #string(text: string): void {
    const bytes = Buffer.from(text);
    this.#head(MAJOR.bytes, bytes.length);
    this.pieces.push(bytes);
  }

  #number(value: number): void {
    if (Number.isInteger(value) && Math.abs(value) < INT64_LIMIT) {
      if (value >= 0) this.#head(MAJOR.unsigned, value);
      else this.#head(MAJOR.negative, -1 - value);
      return;
    }
    const single = Math.fround(value) === value;
    const bytes = Buffer.alloc(single ? 5 : 9, (MAJOR.simple << 5) | (single ? 26 : 27));
    if (single) bytes.writeFloatBE(value, 1);
    else bytes.writeDoubleBE(value, 1);
    this.pieces.push(bytes);
  }

  #simple(value: number): void {
    this.pieces.push(Uint8Array.of((MAJOR.simple << 5) | value));
  }

  #head(major: number, argument: number): void {
    const first = major << 5;
    if (argument < 24) return void this.pieces.push(Uint8Array.of(first | argument));
    const exponent = argument < 0x100 ? 0 : argument < 0x1_0000 ? 1 : argument < 2 ** 32 ? 2 : 3;
    const bytes = Buffer.alloc(1 + (1 << exponent));
    bytes.writeUInt8(first | (24 + exponent), 0);
    if (exponent === 3) bytes.writeBigUInt64BE(BigInt(argument), 1);
    else bytes.writeUIntBE(argument, 1, 1 << exponent);
    this.pieces.push(bytes);
  }
}
