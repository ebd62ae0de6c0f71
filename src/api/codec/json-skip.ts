/**
 * Passes over what a type does not know in JSON. JSON.parse makes every value: of three megabytes of
 * empty objects a million, which the garbage collector then moves, although a decoder that follows a
 * type only says that it does not know the field.
 */
import type { TypeSchema } from '../schema/types.ts';
import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
} from './json-bytes.ts';
import {
  documentOf,
  JSON_DEPTH_MAX,
  type JsonMeasure,
  measureJson,
  type ReadAs,
} from './json-scan.ts';

/** A value of fewer bytes is left where it is. */
const WORTH_BYTES = 1024;
/** Stands for a value that was taken out. */
const NOTHING = '0';

const PLUS = 0x2b;
const MINUS = 0x2d;
const POINT = 0x2e;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;

/**
 * The text of `bytes`, a number in place of each larger value of a field that `type` does not know,
 * and how many keys it still has. The whole text where something is no JSON, or may be none.
 */
export function withoutUnknown(
  bytes: Uint8Array,
  type: TypeSchema,
  { keys }: JsonMeasure,
): { readonly text: string; readonly keys: number } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const cuts = new Skipper(buffer).cuts(documentOf(type));
  let text = '';
  let from = 0;
  let left = keys;
  for (const [start, end] of cuts) {
    text += buffer.toString('utf8', from, start) + NOTHING;
    from = end;
    left -= measureJson(bytes.subarray(start, end)).keys;
  }
  return { text: text + buffer.toString('utf8', from), keys: left };
}

/** Thrown where the reader cannot go on: JSON.parse will say why, or read it all. */
class NotPlain extends Error {}

class Skipper {
  readonly #bytes: Buffer;
  readonly #cuts: (readonly [start: number, end: number])[] = [];
  /** The closing bytes of what a value that is passed over has opened. */
  readonly #closing = new Uint8Array(JSON_DEPTH_MAX + 1);
  #at = 0;
  /** Where the last key ended. */
  #keyEnd = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Begin and end of the values to take out, in order; none where something is no plain JSON. */
  cuts(reading: ReadAs): readonly (readonly [start: number, end: number])[] {
    try {
      this.#value(reading);
      return this.#cuts;
    } catch (error) {
      if (error instanceof NotPlain) return [];
      throw error;
    }
  }

  #value(reading: ReadAs): void {
    const byte = this.#next();
    const inner = reading === 'any' ? undefined : reading;
    if (byte === OPEN_BRACE && inner?.kind === 'object' && inner.type.twoForms === undefined) {
      this.#object(inner.type);
    } else if (byte === OPEN_BRACE && inner?.kind === 'map' && inner.of.kind !== 'scalar') {
      this.#members(() => this.#value(inner.of));
    } else if (byte === OPEN_BRACKET && inner?.kind === 'list' && inner.of.kind !== 'scalar') {
      this.#items(inner.of);
    } else this.#skip();
  }

  #object({ byJson, preserveUnknownFields = false }: TypeSchema): void {
    this.#members((keyStart, keyEnd) => {
      const field = byJson.get(this.#bytes.toString('latin1', keyStart, keyEnd));
      if (field !== undefined || preserveUnknownFields) return this.#value(field?.type ?? 'any');
      this.#next();
      const start = this.#at;
      this.#skip();
      if (this.#at - start >= WORTH_BYTES) this.#cuts.push([start, this.#at]);
    });
  }

  #members(read: (keyStart: number, keyEnd: number) => void): void {
    this.#at++;
    if (this.#next() === CLOSE_BRACE) {
      this.#at++;
      return;
    }
    do {
      this.#next();
      const start = this.#at + 1;
      this.#key();
      read(start, this.#keyEnd);
    } while (!this.#isOver(CLOSE_BRACE));
  }

  #items(reading: ReadAs): void {
    this.#at++;
    if (this.#next() === CLOSE_BRACKET) {
      this.#at++;
      return;
    }
    do this.#value(reading);
    while (!this.#isOver(CLOSE_BRACKET));
  }

  /** Behind the comma or the end that follows a value. */
  #isOver(close: number): boolean {
    const byte = this.#next();
    if (byte !== COMMA && byte !== close) throw new NotPlain();
    this.#at++;
    return byte === close;
  }

  /** Goes past white space, to the byte that it answers. */
  #next(): number {
    for (; ; this.#at++) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) throw new NotPlain();
      if (byte > 0x20) return byte;
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) throw new NotPlain();
    }
  }

  /** Past a key and its colon. */
  #key(): void {
    if (this.#next() !== QUOTE) throw new NotPlain();
    this.#string();
    this.#keyEnd = this.#at - 1;
    if (this.#next() !== COLON) throw new NotPlain();
    this.#at++;
  }

  /** Past one value of any depth. */
  #skip(): void {
    let depth = 0;
    for (;;) {
      const byte = this.#next();
      if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        const close = byte + 2;
        this.#at++;
        if (this.#next() !== close) {
          this.#closing[depth++] = close;
          if (close === CLOSE_BRACE) this.#key();
          continue;
        }
        this.#at++;
      } else if (byte === QUOTE) this.#string();
      else this.#word();
      for (;;) {
        if (depth === 0) return;
        const close = this.#closing[depth - 1] ?? 0;
        if (!this.#isOver(close)) {
          if (close === CLOSE_BRACE) this.#key();
          break;
        }
        depth--;
      }
    }
  }

  #string(): void {
    const bytes = this.#bytes;
    let at = this.#at + 1;
    for (;;) {
      const byte = bytes[at++];
      if (byte === QUOTE) break;
      if (byte === undefined || byte < 0x20) throw new NotPlain();
      if (byte !== BACKSLASH) continue;
      const escape = String.fromCharCode(bytes[at++] ?? 0);
      if (escape === 'u') {
        if (!/^[\dA-Fa-f]{4}$/.test(bytes.toString('latin1', at, at + 4))) throw new NotPlain();
        at += 4;
      } else if (!'"\\/bfnrt'.includes(escape)) throw new NotPlain();
    }
    this.#at = at;
  }

  /** Past a number, true, false or null. */
  #word(): void {
    const first = this.#bytes[this.#at] ?? 0;
    const word = WORDS.get(first);
    if (word === undefined) return this.#number(first);
    const end = this.#at + word.length;
    if (this.#bytes.toString('latin1', this.#at, end) !== word) throw new NotPlain();
    this.#at = end;
  }

  #number(first: number): void {
    if (first === MINUS) this.#at++;
    if (this.#bytes[this.#at] === DIGIT_0) this.#at++;
    else this.#digits();
    if (this.#bytes[this.#at] === POINT) {
      this.#at++;
      this.#digits();
    }
    const exponent = this.#bytes[this.#at];
    if (exponent === 0x65 || exponent === 0x45) {
      const sign = this.#bytes[++this.#at];
      if (sign === MINUS || sign === PLUS) this.#at++;
      this.#digits();
    }
  }

  /** At least one. */
  #digits(): void {
    const start = this.#at;
    for (; ; this.#at++) {
      const byte = this.#bytes[this.#at] ?? 0;
      if (byte < DIGIT_0 || byte > DIGIT_9) break;
    }
    if (this.#at === start) throw new NotPlain();
  }
}

/** By their first byte. */
const WORDS = new Map(['true', 'false', 'null'].map((word) => [word.charCodeAt(0), word]));
