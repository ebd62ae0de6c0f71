/**
 * What JSON.parse does not tell: how deep a text nests, which keys come twice, and what is wrong
 * with it in Go's words.
 *
 * `measureJson` runs on every request and looks at each byte once. `explainJson` reads the text
 * properly and is run when the first look, or JSON.parse, found something. What a type does not
 * know is passed over by Go: nothing in it is unknown or comes twice (`membersOf`).
 * Upstream: sigs.k8s.io/json and Go's encoding/json/scanner.go.
 */

import type { FieldType, TypeSchema } from '../schema/types.ts';
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

/** Nesting beyond this is refused, before anything recursive sees it. */
export const JSON_DEPTH_MAX = 1000;

export interface JsonMeasure {
  /** Keys of all objects, repeated ones counted each time. */
  readonly keys: number;
  readonly depth: number;
  /** Values of all kinds, or a few more. */
  readonly values: number;
}

/** Counts keys, depth and values of JSON. For text that is no JSON the numbers mean nothing. */
export function measureJson(bytes: Uint8Array): JsonMeasure {
  let [keys, depth, deepest, values] = [0, 0, 0, 1];
  const { length } = bytes;
  for (let i = 0; i < length; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) {
      for (i++; i < length && bytes[i] !== QUOTE; i++) if (bytes[i] === BACKSLASH) i++;
    } else if (byte === COLON) keys++;
    else if (byte === COMMA) values++;
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth++;
      values++;
      if (depth > deepest) deepest = depth;
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth--;
  }
  return { keys, depth: deepest, values };
}

/** What a value is read as: anything at all, or undefined where a reader passes over it. */
export type ReadAs = FieldType | 'any' | undefined;

/** What a document of `type` is read as. Go reads custom objects as maps. */
export function documentOf(type: TypeSchema | undefined): ReadAs {
  return type === undefined || type.preserveUnknownFields === true
    ? 'any'
    : { kind: 'object', type };
}

/** What the members of an object are read as; those of two forms have a reader of their own. */
function membersOf(reading: ReadAs): ((key: string) => ReadAs) | undefined {
  if (reading === 'any') return () => 'any';
  if (reading?.kind === 'map') return () => reading.of;
  if (reading?.kind !== 'object' || reading.type.twoForms !== undefined) return undefined;
  const { byJson } = reading.type;
  return (key) => byJson.get(key)?.type;
}

/** What the items of a list are read as. */
function itemsOf(reading: ReadAs): ReadAs {
  if (reading === 'any') return reading;
  return reading?.kind === 'list' ? reading.of : undefined;
}

/** A text that is no JSON; the message is Go's. */
export class JsonSyntaxError extends Error {}

/**
 * Paths of keys that an object of the text holds twice, in order, each once
 * (`spec.containers[0].name`). `type`: what the text is to be; without it all keys count. Throws
 * JsonSyntaxError when the text is no JSON.
 */
export function explainJson(text: string, type?: TypeSchema): string[] {
  const reader = new Explainer(text);
  reader.document(documentOf(type));
  return [...reader.duplicates];
}

class Explainer {
  readonly text: string;
  readonly duplicates = new Set<string>();
  readonly #path: (string | number)[] = [];
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.text = text;
  }

  document(reading: ReadAs): void {
    this.#value(reading);
    this.#space();
    if (this.#at < this.text.length) this.#fail('after top-level value');
  }

  #fail(context: string): never {
    const point = this.text.codePointAt(this.#at);
    if (point === undefined) throw new JsonSyntaxError('unexpected end of JSON input');
    throw new JsonSyntaxError(`invalid character ${quoteCharacter(point)} ${context}`);
  }

  /** The code at the reader's place; NaN at the end. */
  #code(): number {
    return this.text.charCodeAt(this.#at);
  }

  #space(): void {
    for (;;) {
      const code = this.#code();
      if (code > 0x20 || Number.isNaN(code)) return;
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at++;
    }
  }

  /** Where the reader is, as the messages name it: made when there is something to say. */
  #pathText(key: string): string {
    let text = '';
    for (const part of [...this.#path, key])
      text += typeof part === 'number' ? `[${part}]` : text === '' ? part : `.${part}`;
    return text;
  }

  #value(reading: ReadAs): void {
    this.#space();
    switch (this.#code()) {
      case OPEN_BRACE:
        this.#enter();
        this.#object(membersOf(reading));
        this.#depth--;
        return;
      case OPEN_BRACKET:
        this.#enter();
        this.#array(itemsOf(reading));
        this.#depth--;
        return;
      case QUOTE:
        this.#string();
        return;
      case 0x74:
        this.#literal('true');
        return;
      case 0x66:
        this.#literal('false');
        return;
      case 0x6e:
        this.#literal('null');
        return;
      default:
        this.#number();
    }
  }

  #enter(): void {
    if (++this.#depth > JSON_DEPTH_MAX) throw new JsonSyntaxError('exceeded max depth');
    this.#at++;
  }

  #object(membersAs: ((key: string) => ReadAs) | undefined): void {
    this.#space();
    if (this.#code() === CLOSE_BRACE) {
      this.#at++;
      return;
    }
    const seen = new Set<string>();
    const repeated = new Set<string>();
    for (;;) {
      this.#space();
      if (this.#code() !== QUOTE) this.#fail('looking for beginning of object key string');
      const key = this.#string();
      const reading = membersAs?.(key);
      if (!seen.has(key)) seen.add(key);
      else if (reading !== undefined && !repeated.has(key)) {
        repeated.add(key);
        this.duplicates.add(this.#pathText(key));
      }
      this.#space();
      if (this.#code() !== COLON) this.#fail('after object key');
      this.#at++;
      this.#path.push(key);
      this.#value(reading);
      this.#path.pop();
      this.#space();
      const next = this.#code();
      if (next !== COMMA && next !== CLOSE_BRACE) this.#fail('after object key:value pair');
      this.#at++;
      if (next === CLOSE_BRACE) return;
    }
  }

  #array(itemsAs: ReadAs): void {
    this.#space();
    if (this.#code() === CLOSE_BRACKET) {
      this.#at++;
      return;
    }
    for (let index = 0; ; index++) {
      this.#path.push(index);
      this.#value(itemsAs);
      this.#path.pop();
      this.#space();
      const next = this.#code();
      if (next !== COMMA && next !== CLOSE_BRACKET) this.#fail('after array element');
      this.#at++;
      if (next === CLOSE_BRACKET) return;
    }
  }

  #string(): string {
    const start = this.#at++;
    let isPlain = true;
    for (;;) {
      const code = this.text.charCodeAt(this.#at);
      if (code === QUOTE) break;
      // At the end of the text there is no number.
      if (!(code >= 0x20)) this.#fail('in string literal');
      if (code === BACKSLASH) {
        isPlain = false;
        this.#escape();
      } else this.#at++;
    }
    this.#at++;
    return isPlain
      ? this.text.slice(start + 1, this.#at - 1)
      : String(JSON.parse(this.text.slice(start, this.#at)));
  }

  #escape(): void {
    this.#at++;
    const character = this.text[this.#at] ?? '';
    if (character === 'u') {
      for (let i = 0; i < 4; i++) {
        this.#at++;
        if (!/^[0-9a-fA-F]$/.test(this.text[this.#at] ?? '')) {
          this.#fail('in \\u hexadecimal character escape');
        }
      }
    } else if (character === '' || !'"\\/bfnrt'.includes(character)) {
      this.#fail('in string escape code');
    }
    this.#at++;
  }

  #literal(word: string): void {
    for (const [index, letter] of Array.from(word).entries()) {
      if (this.text[this.#at] !== letter) {
        if (index === 0) this.#fail('looking for beginning of value');
        this.#fail(`in literal ${word} (expecting '${letter}')`);
      }
      this.#at++;
    }
  }

  #number(): void {
    if (this.text[this.#at] === '-') {
      this.#at++;
      if (!this.#digit()) this.#fail('in numeric literal');
    } else if (!this.#digit()) this.#fail('looking for beginning of value');
    if (this.text[this.#at] === '0') this.#at++;
    else while (this.#digit()) this.#at++;
    if (this.text[this.#at] === '.') {
      this.#at++;
      if (!this.#digit()) this.#fail('after decimal point in numeric literal');
      while (this.#digit()) this.#at++;
    }
    const exponent = this.text[this.#at];
    if (exponent === 'e' || exponent === 'E') {
      this.#at++;
      if (/^[+-]$/.test(this.text[this.#at] ?? '')) this.#at++;
      if (!this.#digit()) this.#fail('in exponent of numeric literal');
      while (this.#digit()) this.#at++;
    }
  }

  #digit(): boolean {
    const code = this.text.charCodeAt(this.#at);
    return code >= 0x30 && code <= 0x39;
  }
}

/** A character as Go quotes it. */
function quoteCharacter(point: number): string {
  if (point === 0x27) return `'\\''`;
  if (point === 0x22) return `'"'`;
  const names: Readonly<Record<number, string>> = { 9: '\\t', 10: '\\n', 13: '\\r', 92: '\\\\' };
  const name = names[point];
  if (name !== undefined) return `'${name}'`;
  if (point < 0x20 || point === 0x7f) return `'\\x${point.toString(16).padStart(2, '0')}'`;
  return `'${String.fromCodePoint(point)}'`;
}
