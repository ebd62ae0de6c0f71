/**
 * What a string, bytes or number literal means.
 *
 * Upstream: cel-go parser/unescape.go and the literal rules of parser/parser.go, v0.26.
 */

/** A literal's meaning, or in words why it has none. */
export type Meaning<T> = { readonly value: T } | { readonly problem: string };

const SIMPLE: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  '\\': 92,
  "'": 39,
  '"': 34,
  '`': 96,
  '?': 63,
};
const DIGITS: Readonly<Record<string, number>> = { x: 2, X: 2, u: 4, U: 8 };
const CANNOT = 'unable to unescape string';

const isValidPoint = (point: number): boolean =>
  point <= 0x10ffff && !(point >= 0xd800 && point <= 0xdfff);

/** Without prefix and quotes, and whether escapes count. */
function bodyOf(literal: string): { readonly body: string; readonly isRaw: boolean } {
  const isRaw = /^[rR]/.test(literal);
  const quoted = (isRaw ? literal.slice(1) : literal).replace(/\r\n?/g, '\n');
  const isTriple = quoted.length >= 6 && (quoted.startsWith('"""') || quoted.startsWith("'''"));
  const edge = isTriple ? 3 : 1;
  return { body: quoted.slice(edge, -edge), isRaw };
}

interface Escape {
  readonly code: number;
  /** How many characters follow the backslash. */
  readonly length: number;
  /** A byte of its own rather than a character: only in bytes. */
  readonly isByte: boolean;
}

function escapeAt(body: string, at: number, isBytes: boolean): Escape | string {
  const letter = body.charAt(at);
  const simple = SIMPLE[letter];
  if (simple !== undefined) return { code: simple, length: 1, isByte: false };
  const digits = DIGITS[letter];
  if (digits !== undefined) {
    if (isBytes && digits > 2) return CANNOT;
    const hex = body.slice(at + 1, at + 1 + digits);
    if (hex.length < digits || !/^[0-9a-fA-F]+$/.test(hex)) return CANNOT;
    const code = Number.parseInt(hex, 16);
    if (!isBytes && !isValidPoint(code)) return 'invalid unicode code point';
    return { code, length: 1 + digits, isByte: isBytes };
  }
  const octal = body.slice(at, at + 3);
  if (!/^[0-3][0-7]{2}$/.test(octal)) return CANNOT;
  return { code: Number.parseInt(octal, 8), length: 3, isByte: isBytes };
}

/** The text of a string literal, quotes and prefix included. */
export function stringOf(literal: string): Meaning<string> {
  const { body, isRaw } = bodyOf(literal);
  if (isRaw || !body.includes('\\')) return { value: body };
  let out = '';
  let at = 0;
  for (;;) {
    const next = body.indexOf('\\', at);
    if (next < 0) return { value: out + body.slice(at) };
    const escape = escapeAt(body, next + 1, false);
    if (typeof escape === 'string') return { problem: escape };
    out += body.slice(at, next) + String.fromCodePoint(escape.code);
    at = next + 1 + escape.length;
  }
}

/** The bytes of a bytes literal, prefix `b` included. */
export function bytesOf(literal: string): Meaning<Uint8Array> {
  const { body, isRaw } = bodyOf(literal.slice(1));
  if (isRaw || !body.includes('\\')) return { value: new Uint8Array(Buffer.from(body, 'utf8')) };
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const next = body.indexOf('\\', at);
    if (next < 0) {
      parts.push(Buffer.from(body.slice(at), 'utf8'));
      return { value: new Uint8Array(Buffer.concat(parts)) };
    }
    const escape = escapeAt(body, next + 1, true);
    if (typeof escape === 'string') return { problem: escape };
    parts.push(Buffer.from(body.slice(at, next), 'utf8'), Buffer.from([escape.code]));
    at = next + 1 + escape.length;
  }
}

const INT_MAX = 2n ** 63n - 1n;
const INT_MIN = -(2n ** 63n);
const UINT_MAX = 2n ** 64n - 1n;

/** An int literal; the sign is given apart. */
export function intOf(text: string, isNegative: boolean): Meaning<bigint> {
  const value = isNegative ? -BigInt(text) : BigInt(text);
  return value > INT_MAX || value < INT_MIN ? { problem: 'invalid int literal' } : { value };
}

/** A uint literal with its suffix. */
export function uintOf(text: string): Meaning<bigint> {
  const value = BigInt(text.slice(0, -1));
  return value > UINT_MAX ? { problem: 'invalid uint literal' } : { value };
}

/** A double literal; one too big for a double has no meaning. */
export function doubleOf(text: string, isNegative: boolean): Meaning<number> {
  const value = Number(text) * (isNegative ? -1 : 1);
  return Number.isFinite(value) ? { value } : { problem: 'invalid double literal' };
}
