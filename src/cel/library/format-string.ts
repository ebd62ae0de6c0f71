/**
 * `'%d of %s'.format([1, 'x'])`.
 *
 * Upstream: cel-go ext/formatting.go (`former`: versions 1 to 3 of the string extension, which
 * Kubernetes has) and ext/formatting_v2.go (`current`: since version 4), v0.26.
 */
import { formatDouble, plainDouble, toString } from '../value/convert.ts';
import {
  CelError,
  Duration,
  elementsOf,
  ListValue,
  MapValue,
  Timestamp,
  typeNameOf,
  textOf,
  TypeValue,
  Uint,
  type Value,
} from '../value/value.ts';

export type FormatVersion = 'former' | 'current';

/** Text, or why there is none. */
type Text = string | CelError;

const DEFAULT_PRECISION = 6;
/** More decimals than this are refused: nothing that is computed has them. */
const PRECISION_MAX = 1000;

const STRING_CLAUSE =
  'string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps, was given';
const CLAUSES: Readonly<Record<FormatVersion, Readonly<Record<string, string>>>> = {
  former: {
    d: 'decimal clause can only be used on integers, was given',
    f: 'fixed-point clause can only be used on doubles, was given',
    e: 'scientific clause can only be used on doubles, was given',
    b: 'only integers and bools can be formatted as binary, was given',
    x: 'only integers, byte buffers, and strings can be formatted as hex, was given',
    o: 'octal clause can only be used on integers, was given',
  },
  current: {
    d: 'decimal clause can only be used on ints, uints, and doubles, was given',
    f: 'fixed-point clause can only be used on ints, uints, and doubles, was given',
    e: 'scientific clause can only be used on ints, uints, and doubles, was given',
    b: 'only ints, uints, and bools can be formatted as binary, was given',
    x: 'only ints, uints, bytes, and strings can be formatted as hex, was given',
    o: 'octal clause can only be used on ints and uints, was given',
  },
};

const wrongType = (version: FormatVersion, clause: string, typeName: string): string =>
  `${clause === 's' ? STRING_CLAUSE : CLAUSES[version][clause.toLowerCase()]} ${typeName}`;

const wrong = (version: FormatVersion, clause: string, value: Value): CelError =>
  new CelError(wrongType(version, clause, typeNameOf(value)));

const special = (value: number): string | undefined => {
  if (Number.isNaN(value)) return 'NaN';
  if (value === Infinity) return 'Infinity';
  return value === -Infinity ? '-Infinity' : undefined;
};

/** A string as Go quotes it; JSON's escapes are the same for all but a few control characters. */
const goQuote = (text: string): string =>
  JSON.stringify(text).replace(/\\u00([01][0-9a-f])|\\b/g, (all, hex: string | undefined) => {
    if (hex === undefined) return '\\b';
    if (hex === '07') return '\\a';
    return hex === '0b' ? '\\v' : all.replace('\\u00', '\\x');
  });

function joined(parts: readonly Text[], open: string, close: string): Text {
  const failed = parts.find((each) => each instanceof CelError);
  return failed ?? `${open}${parts.map(String).join(', ')}${close}`;
}

const byKey = ([a]: readonly [Text, Text], [b]: readonly [Text, Text]): number =>
  textOf(a) < textOf(b) ? -1 : 1;

/** `%s` since version 4. */
function currentString(value: Value): Text {
  if (value === null) return 'null';
  if (typeof value === 'number') return special(value) ?? plainDouble(value);
  if (value instanceof TypeValue) return value.name;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  if (value instanceof ListValue)
    return joined(Array.from(elementsOf(value), currentString), '[', ']');
  if (value instanceof MapValue) {
    const entries = Array.from(
      value.keys(),
      (key) => [currentString(key), currentString(value.find(key) ?? null)] as const,
    );
    entries.sort(byKey);
    return joined(
      entries.map(([key, each]) =>
        key instanceof CelError ? key : each instanceof CelError ? each : `${key}: ${each}`,
      ),
      '{',
      '}',
    );
  }
  const text = toString(value);
  return typeof text === 'string' ? text : wrong('current', 's', value);
}

/** A value within a list or map, as a literal of CEL. */
function formerLiteral(value: Value): Text {
  if (typeof value === 'string') return goQuote(value);
  if (typeof value === 'number') {
    const named = special(value);
    if (named === undefined) return value.toFixed(DEFAULT_PRECISION);
    return goQuote(
      named === 'NaN' ? named : named.replace('Infinity', 'Inf').replace(/^Inf/, '+Inf'),
    );
  }
  if (value instanceof Timestamp || value instanceof Duration) {
    const name = value instanceof Timestamp ? 'timestamp' : 'duration';
    return `${name}(${goQuote(textOf(toString(value)))})`;
  }
  if (value instanceof Uint8Array) return `b${goQuote(Buffer.from(value).toString('utf8'))}`;
  return formerString(value, true);
}

/** `%s` before version 4. */
function formerString(value: Value, isWithin = false): Text {
  if (value === null) return 'null';
  if (typeof value === 'number') return formatDouble(value);
  if (value instanceof TypeValue) return value.name;
  if (value instanceof ListValue)
    return joined(Array.from(elementsOf(value), formerLiteral), '[', ']');
  if (value instanceof MapValue) {
    const entries = Array.from(
      value.keys(),
      (key) => [formerLiteral(key), formerLiteral(value.find(key) ?? null)] as const,
    );
    entries.sort(byKey);
    return joined(
      entries.map(([key, each]) =>
        key instanceof CelError ? key : each instanceof CelError ? each : `${key}:${each}`,
      ),
      '{',
      '}',
    );
  }
  const text = toString(value);
  if (typeof text === 'string') return text;
  return isWithin
    ? new CelError(`no formatting function for ${typeNameOf(value)}`)
    : wrong('former', 's', value);
}

const wholeOf = (value: Value): bigint | undefined =>
  typeof value === 'bigint' ? value : value instanceof Uint ? value.value : undefined;

function decimal(value: Value, version: FormatVersion): Text {
  const whole = wholeOf(value);
  if (whole !== undefined) return String(whole);
  if (version === 'current' && typeof value === 'number')
    return special(value) ?? plainDouble(value);
  return wrong(version, 'd', value);
}

/** A finite double as a whole number times a power of two. */
function exactParts(value: number): { readonly mantissa: bigint; readonly power: number } {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const exponent = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  if (exponent === 0) return { mantissa: fraction, power: -1074 };
  return { mantissa: fraction | 0x10000000000000n, power: exponent - 1075 };
}

/** A number of decimals of the exact value; what is exactly between goes to the even one. */
function fixedDigits(value: number, precision: number): string {
  const { mantissa, power } = exactParts(value);
  const scaled = mantissa * 10n ** BigInt(precision);
  let rounded = scaled << BigInt(Math.max(power, 0));
  if (power < 0) {
    const divisor = 1n << BigInt(-power);
    rounded = scaled / divisor;
    const twice = (scaled % divisor) * 2n;
    if (twice > divisor || (twice === divisor && rounded % 2n === 1n)) rounded += 1n;
  }
  const digits = String(rounded).padStart(precision + 1, '0');
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  if (precision === 0) return sign + digits;
  return `${sign}${digits.slice(0, -precision)}.${digits.slice(-precision)}`;
}

const grouped = (digits: string): string => {
  const [whole = '', fraction] = digits.split('.');
  const withCommas = whole.replace(/\B(?=(\d{3})+$)/g, ',');
  return fraction === undefined ? withCommas : `${withCommas}.${fraction}`;
};

/** The texts that count as numbers in the former version. */
const asDouble = (value: Value, version: FormatVersion): number | undefined => {
  if (typeof value === 'number') return value;
  if (version === 'current') {
    const whole = wholeOf(value);
    return whole === undefined ? undefined : Number(whole);
  }
  if (value === 'NaN') return Number.NaN;
  return value === 'Infinity' || value === '-Infinity' ? Number(value) : undefined;
};

function fixed(value: Value, precision: number, version: FormatVersion): Text {
  const number = asDouble(value, version);
  if (number === undefined) return wrong(version, 'f', value);
  const named = special(number);
  if (version === 'current') return named ?? fixedDigits(number, precision);
  return named?.replace('Infinity', '∞') ?? grouped(fixedDigits(number, precision));
}

const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹';

function scientific(value: Value, precision: number, version: FormatVersion): Text {
  const number = asDouble(value, version);
  if (number === undefined) return wrong(version, 'e', value);
  const named = special(number);
  if (named !== undefined) return version === 'current' ? named : named.replace('Infinity', '∞');
  const [mantissa = '', power = '+0'] = number.toExponential(Math.min(precision, 100)).split('e');
  const sign = power.startsWith('-') ? '-' : '+';
  const digits = power.slice(1).padStart(2, '0');
  if (version === 'current') return `${mantissa}e${sign}${digits}`;
  const raised = digits.replace(/\d/g, (digit) => SUPERSCRIPTS.charAt(Number(digit)));
  return `${mantissa}×10${sign === '-' ? '⁻' : ''}${raised}`;
}

function binary(value: Value, version: FormatVersion): Text {
  if (typeof value === 'boolean') return value ? '1' : '0';
  return wholeOf(value)?.toString(2) ?? wrong(version, 'b', value);
}

function hex(value: Value, isUpper: boolean, version: FormatVersion): Text {
  const bytes =
    typeof value === 'string'
      ? Buffer.from(value, 'utf8')
      : value instanceof Uint8Array
        ? Buffer.from(value)
        : undefined;
  const text = bytes?.toString('hex') ?? wholeOf(value)?.toString(16);
  if (text === undefined) return wrong(version, 'x', value);
  return isUpper ? text.toUpperCase() : text;
}

interface Clause {
  readonly letter: string;
  readonly precision: number;
  readonly length: number;
}

/** The clause behind a percent sign. */
function clauseAt(format: string, at: number): Clause | CelError {
  const match = /^(?:\.(\d*))?/.exec(format.slice(at, at + 32));
  const [all = '', digits] = match ?? [];
  const letter = format.charAt(at + all.length);
  const failed = (reason: string): CelError =>
    new CelError(`could not parse formatting clause: ${reason}`);
  if (letter === '') {
    return all === ''
      ? new CelError('unexpected end of string')
      : failed('error while parsing precision: could not find end of precision specifier');
  }
  if (digits === '') {
    return failed(
      'error while parsing precision: error while converting precision to integer: strconv.Atoi: parsing "": invalid syntax',
    );
  }
  const precision = digits === undefined ? DEFAULT_PRECISION : Number(digits);
  if (precision > PRECISION_MAX)
    return failed(`error while parsing precision: ${digits} is too large`);
  if (!'sdfebxXo'.includes(letter)) return failed(`unrecognized formatting clause "${letter}"`);
  return { letter, precision, length: all.length + 1 };
}

function formatted(value: Value, { letter, precision }: Clause, version: FormatVersion): Text {
  switch (letter) {
    case 's':
      return version === 'current' ? currentString(value) : formerString(value);
    case 'd':
      return decimal(value, version);
    case 'f':
      return fixed(value, precision, version);
    case 'e':
      return scientific(value, precision, version);
    case 'b':
      return binary(value, version);
    case 'o':
      return wholeOf(value)?.toString(8) ?? wrong(version, 'o', value);
    default:
      return hex(value, letter === 'X', version);
  }
}

/** A piece of a format: text as it is, or a clause for the next argument. */
type Piece = string | Clause | CelError;

/** The pieces of a format; an error is the last of them. */
function* piecesOf(format: string): Iterable<Piece> {
  let at = 0;
  for (;;) {
    const percent = format.indexOf('%', at);
    if (percent < 0) {
      yield format.slice(at);
      return;
    }
    yield format.slice(at, percent);
    at = percent + 2;
    if (format.charAt(percent + 1) === '%') {
      yield '%';
      continue;
    }
    const clause = clauseAt(format, percent + 1);
    yield clause;
    if (clause instanceof CelError) return;
    at = percent + 1 + clause.length;
  }
}

/** The text with its clauses filled in. */
export function formatString(format: string, args: ListValue, version: FormatVersion): Value {
  let out = '';
  let index = 0;
  for (const piece of piecesOf(format)) {
    if (typeof piece === 'string') {
      out += piece;
      continue;
    }
    if (index >= args.size) return new CelError(`index ${index} out of range`);
    if (piece instanceof CelError) return piece;
    const value = args.at(index);
    const text = value instanceof CelError ? value : formatted(value, piece, version);
    if (text instanceof CelError) return new CelError(`error during formatting: ${text.message}`);
    out += text;
    index += 1;
  }
  return out;
}

const NUMERIC = ['int', 'uint'];
/** The kinds of types that the clauses of the former version take. */
const TAKES: Readonly<Record<string, readonly string[]>> = {
  d: NUMERIC,
  f: ['double', 'string'],
  e: ['double', 'string'],
  b: [...NUMERIC, 'bool'],
  x: [...NUMERIC, 'string', 'bytes'],
  o: NUMERIC,
  s: 'list map int uint double bool string timestamp bytes duration type null'.split(' '),
};

/** What is wrong with a format and the types of its arguments; `argument` is the one to blame. */
export interface FormatProblem {
  readonly message: string;
  readonly argument: number | undefined;
}

/** Looks at a format before it runs, as upstream does for versions before the current one. */
export function checkFormat(
  format: string,
  types: readonly { readonly kind: string; readonly name: string }[],
): FormatProblem | undefined {
  let index = 0;
  for (const piece of piecesOf(format)) {
    if (typeof piece === 'string') continue;
    const type = types[index];
    if (type === undefined) return { message: `index ${index} out of range`, argument: undefined };
    if (piece instanceof CelError) return { message: piece.message, argument: undefined };
    const takes = TAKES[piece.letter.toLowerCase()] ?? [];
    if (type.kind !== 'dyn' && !takes.includes(type.kind)) {
      const message = `error during formatting: ${wrongType('former', piece.letter, type.name)}`;
      return { message, argument: index };
    }
    index += 1;
  }
  if (types.length <= index) return undefined;
  const counts = `(expected ${index}, got ${types.length})`;
  const message = `too many arguments supplied to string.format ${counts}`;
  return { message, argument: undefined };
}
