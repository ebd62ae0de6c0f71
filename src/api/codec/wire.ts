/**
 * Protobuf's wire format: a writer that fills a buffer from its end, and a reader.
 *
 * Writing backwards means that the length of a nested message is known when it is written, so one
 * pass is enough; upstream's generated code does the same. Source: protobuf encoding guide.
 */

const START_BYTES = 64 * 1024;
/** A buffer that grew beyond this is not kept for the next message. */
const KEPT_BYTES_MAX = 4 * 1024 * 1024;
/** Strings up to this length are copied here; longer ones by the platform. */
const SHORT_STRING_MAX = 48;

const TWO_32 = 2 ** 32;

export class WireError extends Error {}

export class WireWriter {
  #buffer = Buffer.allocUnsafeSlow(START_BYTES);
  /** Bytes are written below this position. */
  position = START_BYTES;

  /** Begins a message. What was written before is forgotten. */
  reset(): void {
    if (this.#buffer.length > KEPT_BYTES_MAX) this.#buffer = Buffer.allocUnsafeSlow(START_BYTES);
    this.position = this.#buffer.length;
  }

  /** Distance from the end: what was written so far. */
  size(): number {
    return this.#buffer.length - this.position;
  }

  /** A copy of what was written. */
  result(): Uint8Array {
    return Uint8Array.prototype.slice.call(this.#buffer, this.position);
  }

  #reserve(bytes: number): void {
    if (this.position >= bytes) return;
    const written = this.size();
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, written + bytes + 1024));
    this.#buffer.copy(grown, grown.length - written, this.position);
    this.position = grown.length - written;
    this.#buffer = grown;
  }

  /** A non-negative number below 2^32, or a negative int32 as protobuf extends it. */
  varint(value: number): void {
    if (value < 0 || value >= TWO_32) {
      this.int64(value);
      return;
    }
    this.#reserve(5);
    let length = 1;
    for (let rest = value >>> 7; rest !== 0; rest >>>= 7) length++;
    let at = (this.position -= length);
    let rest = value;
    for (; rest > 127; rest >>>= 7) this.#buffer[at++] = (rest & 127) | 128;
    this.#buffer[at] = rest;
  }

  /** Any integer of 64 bits; what a number cannot hold exactly is held as well as it can. */
  int64(value: number): void {
    if (value >= 2 ** 63) this.#long(0xffffffff, 0x7fffffff);
    else this.#long((value % TWO_32) >>> 0, Math.floor(value / TWO_32) >>> 0);
  }

  uint64(value: number): void {
    if (value >= 2 ** 64) this.#long(0xffffffff, 0xffffffff);
    else this.#long((value % TWO_32) >>> 0, Math.floor(value / TWO_32) >>> 0);
  }

  #long(lowHalf: number, highHalf: number): void {
    this.#reserve(10);
    let [low, high] = [lowHalf, highHalf];
    const bytes: number[] = [];
    while (high !== 0 || low > 127) {
      bytes.push((low & 127) | 128);
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    bytes.push(low);
    this.position -= bytes.length;
    for (let i = 0; i < bytes.length; i++) this.#buffer[this.position + i] = bytes[i] ?? 0;
  }

  double(value: number): void {
    this.#reserve(8);
    this.position -= 8;
    this.#buffer.writeDoubleLE(value, this.position);
  }

  float(value: number): void {
    this.#reserve(4);
    this.position -= 4;
    this.#buffer.writeFloatLE(value, this.position);
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#buffer[--this.position] = value;
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.position -= value.length;
    this.#buffer.set(value, this.position);
  }

  /** UTF-8, without its length. */
  string(value: string): void {
    const { length } = value;
    if (length <= SHORT_STRING_MAX) {
      this.#reserve(SHORT_STRING_MAX);
      const buffer = this.#buffer;
      let at = this.position;
      let i = length;
      while (i > 0) {
        const code = value.charCodeAt(i - 1);
        if (code > 127) break;
        buffer[--at] = code;
        i--;
      }
      if (i === 0) {
        this.position = at;
        return;
      }
    }
    const bytes = Buffer.byteLength(value);
    this.#reserve(bytes);
    this.position -= bytes;
    this.#buffer.write(value, this.position, bytes, 'utf8');
  }

  /** A string with its length and tag. */
  stringField(tag: number, value: string): void {
    const before = this.size();
    this.string(value);
    this.varint(this.size() - before);
    this.varint(tag);
  }
}

/** Reads one message. A length or number that leaves the bytes throws WireError. */
export class WireReader {
  readonly buffer: Buffer;
  position: number;
  end: number;

  constructor(bytes: Uint8Array) {
    this.buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.position = 0;
    this.end = this.buffer.length;
  }

  /** The low 32 bits as an unsigned number: tags, lengths, bools, enums. */
  uint32(): number {
    const first = this.#byte();
    if (first < 128) return first;
    return this.#long(first)[0];
  }

  int32(): number {
    return this.uint32() | 0;
  }

  int64(): number {
    const first = this.#byte();
    if (first < 128) return first;
    const [low, high] = this.#long(first);
    return (high | 0) * TWO_32 + low;
  }

  uint64(): number {
    const first = this.#byte();
    if (first < 128) return first;
    const [low, high] = this.#long(first);
    return high * TWO_32 + low;
  }

  double(): number {
    const at = this.#take(8);
    return this.buffer.readDoubleLE(at);
  }

  float(): number {
    const at = this.#take(4);
    return this.buffer.readFloatLE(at);
  }

  bytes(): Buffer {
    const length = this.uint32();
    const at = this.#take(length);
    return this.buffer.subarray(at, at + length);
  }

  string(): string {
    const length = this.uint32();
    const at = this.#take(length);
    if (length > 24) return this.buffer.toString('utf8', at, at + length);
    let text = '';
    for (let i = at; i < at + length; i++) {
      const code = this.buffer[i] ?? 0;
      if (code > 127) return this.buffer.toString('utf8', at, at + length);
      text += String.fromCharCode(code);
    }
    return text;
  }

  /** Narrows the reader to a nested message; give the result to `leave`. */
  enter(): number {
    const length = this.uint32();
    const outer = this.end;
    if (length > outer - this.position) throw new WireError('unexpected EOF');
    this.end = this.position + length;
    return outer;
  }

  leave(outer: number): void {
    this.position = this.end;
    this.end = outer;
  }

  skip(wireType: number): void {
    if (wireType === 0) this.uint64();
    else if (wireType === 1) this.#take(8);
    else if (wireType === 2) this.#take(this.uint32());
    else if (wireType === 5) this.#take(4);
    else throw new WireError(`proto: illegal wireType ${wireType}`);
  }

  #take(length: number): number {
    const at = this.position;
    if (length > this.end - at) throw new WireError('unexpected EOF');
    this.position = at + length;
    return at;
  }

  #byte(): number {
    if (this.position >= this.end) throw new WireError('unexpected EOF');
    return this.buffer[this.position++] ?? 0;
  }

  /** The low and high halves of a varint whose first byte was read. */
  #long(first: number): [low: number, high: number] {
    let low = first & 127;
    let high = 0;
    for (let shift = 7; shift < 70; shift += 7) {
      const byte = this.#byte();
      const bits = byte & 127;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (shift - 32);
      if (byte < 128) return [low >>> 0, high >>> 0];
    }
    throw new WireError('proto: integer overflow');
  }
}
