/**
 * resource.Quantity: exact decimal numbers with a suffix (`250m`, `1536Mi`, `12e6`).
 *
 * Upstream: apimachinery/pkg/api/resource, v0.36. A quantity keeps the kind of suffix it was
 * written with, and is sent in canonical form: no fraction, the largest suffix that fits.
 */

/** decimal: `m`, `k`, `M`; exponent: `e6`; binary: `Ki`, `Mi`. */
export type QuantityFormat = 'decimal' | 'exponent' | 'binary';

/** `digits` × 10^`scale`. */
export interface Quantity {
  readonly digits: bigint;
  readonly scale: number;
  readonly format: QuantityFormat;
}

/** A text that is no quantity; the message is upstream's. */
export class QuantityError extends Error {}

const WRONG_FORMAT =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const WRONG_SUFFIX = "unable to parse quantity's suffix";

/** Texts whose value, canonical form or sum is remembered: a cluster has few different quantities. */
const CACHE_MAX = 4096;
const KEY_MAX = 64;

/** What `make` gives for `key`, remembered in `cache`, which is emptied when it is full. */
function remembered<T>(cache: Map<string, T>, key: string, make: () => T): T {
  const known = cache.get(key);
  if (known !== undefined) return known;
  const made = make();
  if (key.length > KEY_MAX) return made;
  if (cache.size >= CACHE_MAX) cache.clear();
  cache.set(key, made);
  return made;
}

const NANO = -9;
const MILLI = -3;
const INT64_MAX = 2n ** 63n - 1n;

const DECIMAL: readonly (readonly [string, number])[] = [
  ['n', -9],
  ['u', -6],
  ['m', -3],
  ['', 0],
  ['k', 3],
  ['M', 6],
  ['G', 9],
  ['T', 12],
  ['P', 15],
  ['E', 18],
];
const DECIMAL_EXPONENTS = new Map(DECIMAL);
const DECIMAL_SUFFIXES = new Map(DECIMAL.map(([suffix, exponent]) => [exponent, suffix]));
const BINARY_SUFFIXES = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

interface Parts {
  readonly negative: boolean;
  /** Digits before the point, leading zeros removed, never empty. */
  readonly whole: string;
  readonly fraction: string;
  readonly suffix: string;
}

const NUMBER = /^([+-]?)([0-9]*)(?:\.([0-9]*))?/;
const SUFFIX = /^[eEinumkKMGTP]*[-+]?[0-9]*$/;

function split(text: string): Parts {
  // In two steps: one expression would share out the digits between its parts in every way.
  const [number = '', sign, whole = '', fraction = ''] = NUMBER.exec(text) ?? [];
  const suffix = text.slice(number.length);
  if (text === '' || !SUFFIX.test(suffix)) throw new QuantityError(WRONG_FORMAT);
  const digits = whole.replace(/^0+/, '');
  return { negative: sign === '-', whole: digits === '' ? '0' : digits, fraction, suffix };
}

function readSuffix(suffix: string): { format: QuantityFormat; exponent: number } {
  const decimal = DECIMAL_EXPONENTS.get(suffix);
  if (decimal !== undefined) return { format: 'decimal', exponent: decimal };
  const binary = BINARY_SUFFIXES.indexOf(suffix);
  if (binary > 0) return { format: 'binary', exponent: binary * 10 };
  if (!/^[eE][-+]?[0-9]{1,9}$/.test(suffix)) throw new QuantityError(WRONG_SUFFIX);
  return { format: 'exponent', exponent: Number(suffix.slice(1)) };
}

const values = new Map<string, Quantity>();

/** Reads a quantity; throws QuantityError. What is smaller than 1n is rounded up (away from 0). */
export function parseQuantity(text: string): Quantity {
  return remembered(values, text, () => read(text));
}

function read(text: string): Quantity {
  const parts = split(text);
  const { format, exponent } = readSuffix(parts.suffix);
  let digits = BigInt(parts.whole + parts.fraction);
  let scale = -parts.fraction.length;
  if (format === 'binary') digits <<= BigInt(exponent);
  else scale += exponent;
  if (digits === 0n) return { digits, scale: 0, format };
  // Beyond these the numbers mean nothing, and to compute with them would take forever.
  if (scale > 1000) scale = 1000;
  if (scale < -1000) return { digits: parts.negative ? -1n : 1n, scale: NANO, format };
  ({ digits, scale } = roundUp(digits, scale, NANO));
  if (format === 'binary' && digits > INT64_MAX * 10n ** BigInt(-scale)) {
    digits = INT64_MAX;
    scale = 0;
  }
  const isFraction = scale < 0 && digits < 10n ** BigInt(-scale);
  return {
    digits: parts.negative ? -digits : digits,
    scale,
    format: format === 'binary' && isFraction ? 'decimal' : format,
  };
}

/** The number at `scale` or a coarser one; what is cut off rounds away from zero. */
function roundUp(digits: bigint, scale: number, to: number): { digits: bigint; scale: number } {
  if (scale >= to) return { digits, scale };
  const divisor = 10n ** BigInt(to - scale);
  const rest = digits % divisor;
  const step = rest === 0n ? 0n : digits < 0n ? -1n : 1n;
  return { digits: digits / divisor + step, scale: to };
}

/** The canonical text. */
function formatQuantity(quantity: Quantity): string {
  const { digits, scale, format } = quantity;
  if (digits === 0n) return '0';
  if (format === 'binary') {
    const whole = roundUp(digits, scale, 0);
    const isExact = compare({ ...whole, format }, quantity) === 0;
    const value = whole.digits * 10n ** BigInt(whole.scale);
    const isSmall = value > -1024n && value < 1024n;
    if (isExact && !isSmall) return formatBinary(value);
  }
  return formatDecimal(digits, scale, format);
}

function formatBinary(value: bigint): string {
  let rest = value;
  let power = 0;
  while (rest % 1024n === 0n && power < BINARY_SUFFIXES.length - 1) {
    rest /= 1024n;
    power++;
  }
  return `${rest}${BINARY_SUFFIXES[power]}`;
}

function formatDecimal(digits: bigint, scale: number, format: QuantityFormat): string {
  let rest = digits;
  let exponent = scale;
  while (rest % 10n === 0n) {
    rest /= 10n;
    exponent++;
  }
  const highest = format === 'exponent' ? Number.POSITIVE_INFINITY : 18;
  while (exponent % 3 !== 0 || exponent > highest) {
    rest *= 10n;
    exponent--;
  }
  if (format !== 'exponent') return `${rest}${DECIMAL_SUFFIXES.get(exponent) ?? ''}`;
  return exponent === 0 ? `${rest}` : `${rest}e${exponent}`;
}

const canonicalTexts = new Map<string, string>();

/** The canonical text of a JSON value for a quantity. Throws QuantityError. */
export function canonicalQuantity(value: string | number): string {
  const text = typeof value === 'number' ? String(value) : value.trim();
  return remembered(canonicalTexts, text, () =>
    keepsItsText(text) ? text : formatQuantity(parseQuantity(text)),
  );
}

/** Upstream returns a text that looks canonical as it came, a leading `+` or zero with it. */
function keepsItsText(text: string): boolean {
  const { whole, fraction, suffix } = split(text);
  const { format, exponent } = readSuffix(suffix);
  const digits = whole + fraction;
  if (digits.length > 15) return false;
  if (format !== 'binary') {
    const scale = exponent - fraction.length;
    return scale >= NANO && scale % 3 === 0 && !digits.endsWith('000') && !digits.startsWith('0');
  }
  const precision = 14 - whole.length - Math.trunc((exponent * 3) / 10);
  return fraction === '' && precision >= 0 && (Number(digits) & 7) !== 0;
}

function compare(a: Quantity, b: Quantity): -1 | 0 | 1 {
  const scale = Math.min(a.scale, b.scale);
  const left = a.digits * 10n ** BigInt(a.scale - scale);
  const right = b.digits * 10n ** BigInt(b.scale - scale);
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Compares two texts as numbers. Throws QuantityError. */
export function compareQuantity(a: string, b: string): -1 | 0 | 1 {
  return a === b ? 0 : compare(parseQuantity(a), parseQuantity(b));
}

function sum(a: Quantity, b: Quantity): Quantity {
  const scale = Math.min(a.scale, b.scale);
  const left = a.digits * 10n ** BigInt(a.scale - scale);
  const right = b.digits * 10n ** BigInt(b.scale - scale);
  return { digits: left + right, scale, format: a.digits === 0n ? b.format : a.format };
}

const sumTexts = new Map<string, string>();

/** a + b, in canonical form, with the suffix kind of `a` (of `b` when `a` is zero). */
export function addQuantity(a: string, b: string): string {
  return remembered(sumTexts, `${a} + ${b}`, () =>
    formatQuantity(sum(parseQuantity(a), parseQuantity(b))),
  );
}

/** a − b, as `addQuantity`. */
export function subtractQuantity(a: string, b: string): string {
  const right = parseQuantity(b);
  return formatQuantity(sum(parseQuantity(a), { ...right, digits: -right.digits }));
}

/** The value as a number, rounded up to whole units: bytes, cores, counts. */
export function quantityValue(text: string): number {
  return scaled(text, 0);
}

/** The value in thousandths, rounded up: milli-CPU. */
export function quantityMilli(text: string): number {
  return scaled(text, -3);
}

/** Whether no thousandth is left over. Upstream counts them in 64 bits: what is too many is none. */
export function isWholeQuantity(text: string): boolean {
  const { digits, scale } = parseQuantity(text);
  const { digits: rounded, scale: at } = roundUp(digits, scale, MILLI);
  const milli = rounded * 10n ** BigInt(at - MILLI);
  return milli % 1000n === 0n && milli <= INT64_MAX && milli >= -INT64_MAX;
}

/** In canonical form, rounded up to thousandths, as amounts of a list of resources are. */
export function roundedQuantity(text: string): string {
  const { digits, scale, format } = parseQuantity(text);
  return scale >= MILLI ? text : formatQuantity({ ...roundUp(digits, scale, MILLI), format });
}

/** Rounded up to whole units; what is whole stays as it is written. */
export function wholeQuantity(text: string): string {
  const { digits, scale, format } = parseQuantity(text);
  return scale >= 0 ? text : formatQuantity({ ...roundUp(digits, scale, 0), format });
}

function scaled(text: string, to: 0 | -3): number {
  const simple = /^(-?[0-9]{1,12})(m|[KMGT]i)?$/.exec(text);
  const suffix = simple?.[2];
  if (simple !== null && (suffix === undefined || suffix === 'm')) {
    const number = Number(simple[1]);
    if (suffix === 'm') return to === -3 ? number : awayFromZero(number / 1000);
    return to === -3 ? number * 1000 : number;
  }
  const { digits, scale } = parseQuantity(text);
  const rounded = roundUp(digits, scale, to);
  return Number(rounded.digits * 10n ** BigInt(rounded.scale - to));
}

function awayFromZero(value: number): number {
  return value < 0 ? Math.floor(value) : Math.ceil(value);
}
