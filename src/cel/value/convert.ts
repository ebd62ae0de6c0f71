/**
 * Conversions between types: `int(x)`, `string(x)` and the others.
 *
 * Upstream: cel-go common/types (ConvertToType of each type), v0.26.
 */
import { duration, int, intOverflow, timestamp, uint, uintOverflow } from './arithmetic.ts';
import { formatDuration, formatTimestamp, parseDuration, parseTimestamp } from './time.ts';
import { CelError, Duration, Timestamp, typeNameOf, Uint, type Value } from './value.ts';

const cannot = (value: Value, to: string): CelError =>
  new CelError(`type conversion error from '${typeNameOf(value)}' to '${to}'`);

const SECOND = 1_000_000_000n;
const floorSeconds = (nanos: bigint): bigint =>
  nanos >= 0n ? nanos / SECOND : -((-nanos + SECOND - 1n) / SECOND);

function doubleToInt(value: number): Value {
  if (Number.isNaN(value) || value <= -(2 ** 63) || value >= 2 ** 63) return intOverflow();
  return BigInt(Math.trunc(value));
}

export function toInt(value: Value): Value {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number') return doubleToInt(value);
  if (value instanceof Uint) return int(value.value);
  if (typeof value === 'string') {
    if (!/^[+-]?[0-9]+$/.test(value)) return cannot(value, 'int');
    const parsed = int(BigInt(value.replace(/^\+/, '')));
    return parsed instanceof CelError ? cannot(value, 'int') : parsed;
  }
  if (value instanceof Timestamp) return floorSeconds(value.nanos);
  if (value instanceof Duration) return value.nanos;
  return value instanceof CelError ? value : cannot(value, 'int');
}

export function toUint(value: Value): Value {
  if (value instanceof Uint) return value;
  if (typeof value === 'bigint') return uint(value);
  if (typeof value === 'number') {
    if (Number.isNaN(value) || value < 0 || value >= 2 ** 64) return uintOverflow();
    return new Uint(BigInt(Math.trunc(value)));
  }
  if (typeof value === 'string') {
    if (!/^[0-9]+$/.test(value)) return cannot(value, 'uint');
    const parsed = uint(BigInt(value));
    return parsed instanceof CelError ? cannot(value, 'uint') : parsed;
  }
  return value instanceof CelError ? value : cannot(value, 'uint');
}

const DECIMAL = /^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;
const SPECIAL: Readonly<Record<string, number>> = {
  inf: Infinity,
  '+inf': Infinity,
  '-inf': -Infinity,
  infinity: Infinity,
  '+infinity': Infinity,
  '-infinity': -Infinity,
  nan: Number.NaN,
};

export function toDouble(value: Value): Value {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Uint) return Number(value.value);
  if (typeof value === 'string') {
    const special = SPECIAL[value.toLowerCase()];
    if (special !== undefined) return special;
    const parsed = DECIMAL.test(value) ? Number(value) : Number.NaN;
    return Number.isFinite(parsed) ? parsed : cannot(value, 'double');
  }
  return value instanceof CelError ? value : cannot(value, 'double');
}

const TRUE = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const FALSE = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False']);

export function toBool(value: Value): Value {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'string') {
    if (TRUE.has(value)) return true;
    if (FALSE.has(value)) return false;
  }
  return value instanceof CelError ? value : cannot(value, 'bool');
}

export function toBytes(value: Value): Value {
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'string') return new Uint8Array(Buffer.from(value, 'utf8'));
  return value instanceof CelError ? value : cannot(value, 'bytes');
}

const exponent = (text: string): string =>
  text.replace(/e([+-])(\d)$/, (_, sign: string, digit: string) => `e${sign}0${digit}`);

/** A double as Go's `%g` writes it: an exponent below -4 and from 21 digits on. */
export function formatDouble(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (Object.is(value, -0)) return '-0';
  if (value === 0) return '0';
  const scientific = value.toExponential();
  const power = Number(scientific.slice(scientific.indexOf('e') + 1));
  const digits = scientific.replace(/e.*$/, '').replace(/[^0-9]/g, '').length;
  const limit = digits > 6 && digits >= power + 1 ? digits : 6;
  if (power < -4 || power >= (limit > 21 ? 21 : Math.max(limit, 21))) return exponent(scientific);
  return plainDouble(value);
}

/** A double without an exponent, with the fewest digits that tell it apart. */
export function plainDouble(value: number): string {
  const text = String(value);
  const match = /^(-?)(\d+)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (match === null) return Object.is(value, -0) ? '-0' : text;
  const [, sign = '', whole = '', fraction = '', power = '0'] = match;
  const shift = Number(power);
  if (shift < 0) return `${sign}0.${'0'.repeat(-shift - 1)}${whole}${fraction}`;
  return `${sign}${whole}${fraction.padEnd(shift, '0')}`;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function toString(value: Value): Value {
  switch (typeof value) {
    case 'string':
      return value;
    case 'boolean':
    case 'bigint':
      return String(value);
    case 'number':
      return formatDouble(value);
    default:
      break;
  }
  if (value instanceof Uint) return String(value.value);
  if (value instanceof Timestamp) return formatTimestamp(value.nanos, value.offsetSeconds);
  if (value instanceof Duration) return formatDuration(value.nanos);
  if (value instanceof Uint8Array) {
    try {
      return decoder.decode(value);
    } catch {
      return new CelError('invalid UTF-8 in bytes, cannot convert to string');
    }
  }
  return value instanceof CelError ? value : cannot(value, 'string');
}

export function toTimestamp(value: Value): Value {
  if (value instanceof Timestamp) return value;
  if (typeof value === 'bigint') return timestamp(value * SECOND);
  if (typeof value === 'string') {
    const time = parseTimestamp(value);
    if (time === undefined) return cannot(value, 'google.protobuf.Timestamp');
    return timestamp(time.nanos, time.offsetSeconds);
  }
  return value instanceof CelError ? value : cannot(value, 'google.protobuf.Timestamp');
}

export function toDuration(value: Value): Value {
  if (value instanceof Duration) return value;
  if (typeof value === 'bigint') return duration(value);
  if (typeof value === 'string') {
    const nanos = parseDuration(value);
    return nanos === undefined ? cannot(value, 'google.protobuf.Duration') : duration(nanos);
  }
  return value instanceof CelError ? value : cannot(value, 'google.protobuf.Duration');
}
