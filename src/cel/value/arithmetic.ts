/**
 * The arithmetic of CEL: 64 bits and no wrapping round.
 *
 * Upstream: cel-go common/types (Add, Subtract, … of each type) and common/types/overflow.go,
 * v0.26.
 */
import { TIMESTAMP_NANOS_MAX, TIMESTAMP_NANOS_MIN } from './time.ts';
import {
  ArrayList,
  CelError,
  Duration,
  elementsOf,
  INT_MAX,
  INT_MIN,
  ListValue,
  noSuchOverload,
  Timestamp,
  Uint,
  UINT_MAX,
  type Value,
} from './value.ts';

export const intOverflow = (): CelError => new CelError('integer overflow');
export const uintOverflow = (): CelError => new CelError('unsigned integer overflow');
const durationOverflow = (): CelError => new CelError('duration overflow');
const timestampOverflow = (): CelError => new CelError('timestamp overflow');

/** An int, if 64 bits hold it. */
export const int = (value: bigint): bigint | CelError =>
  value > INT_MAX || value < INT_MIN ? intOverflow() : value;

/** A uint, if 64 bits hold it. */
export const uint = (value: bigint): Uint | CelError =>
  value > UINT_MAX || value < 0n ? uintOverflow() : new Uint(value);

/** A duration, if 64 bits of nanoseconds hold it. */
export const duration = (nanos: bigint): Duration | CelError =>
  nanos > INT_MAX || nanos < INT_MIN ? durationOverflow() : new Duration(nanos);

/** A timestamp, if it is of the years 1 to 9999. */
export const timestamp = (nanos: bigint, offsetSeconds = 0): Timestamp | CelError =>
  nanos > TIMESTAMP_NANOS_MAX || nanos < TIMESTAMP_NANOS_MIN
    ? timestampOverflow()
    : new Timestamp(nanos, offsetSeconds);

function addTimes(a: Value, b: Value): Value | undefined {
  if (a instanceof Duration) {
    if (b instanceof Duration) return duration(a.nanos + b.nanos);
    if (b instanceof Timestamp) return timestamp(a.nanos + b.nanos, b.offsetSeconds);
  }
  if (a instanceof Timestamp && b instanceof Duration) {
    return timestamp(a.nanos + b.nanos, a.offsetSeconds);
  }
  return undefined;
}

/** Two lists as one; a list that merges by its schema does so. */
function addLists(a: ListValue, b: ListValue): Value {
  return a.plus(b) ?? new ArrayList([...elementsOf(a), ...elementsOf(b)]);
}

export function add(a: Value, b: Value): Value {
  if (typeof a === 'bigint' && typeof b === 'bigint') return int(a + b);
  if (typeof a === 'number' && typeof b === 'number') return a + b;
  if (typeof a === 'string' && typeof b === 'string') return a + b;
  if (a instanceof CelError) return a;
  if (b instanceof CelError) return b;
  if (a instanceof Uint && b instanceof Uint) return uint(a.value + b.value);
  if (a instanceof ListValue && b instanceof ListValue) return addLists(a, b);
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    return new Uint8Array(Buffer.concat([a, b]));
  }
  return addTimes(a, b) ?? noSuchOverload();
}

export function subtract(a: Value, b: Value): Value {
  if (typeof a === 'bigint' && typeof b === 'bigint') return int(a - b);
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (a instanceof CelError) return a;
  if (b instanceof CelError) return b;
  if (a instanceof Uint && b instanceof Uint) return uint(a.value - b.value);
  if (a instanceof Duration && b instanceof Duration) return duration(a.nanos - b.nanos);
  if (a instanceof Timestamp) {
    if (b instanceof Duration) return timestamp(a.nanos - b.nanos, a.offsetSeconds);
    if (b instanceof Timestamp) return duration(a.nanos - b.nanos);
  }
  return noSuchOverload();
}

export function multiply(a: Value, b: Value): Value {
  if (typeof a === 'bigint' && typeof b === 'bigint') return int(a * b);
  if (typeof a === 'number' && typeof b === 'number') return a * b;
  if (a instanceof CelError) return a;
  if (b instanceof CelError) return b;
  if (a instanceof Uint && b instanceof Uint) return uint(a.value * b.value);
  return noSuchOverload();
}

export function divide(a: Value, b: Value): Value {
  if (typeof a === 'bigint' && typeof b === 'bigint') {
    return b === 0n ? new CelError('division by zero') : int(a / b);
  }
  if (typeof a === 'number' && typeof b === 'number') return a / b;
  if (a instanceof CelError) return a;
  if (b instanceof CelError) return b;
  if (a instanceof Uint && b instanceof Uint) {
    return b.value === 0n ? new CelError('division by zero') : new Uint(a.value / b.value);
  }
  return noSuchOverload();
}

export function modulo(a: Value, b: Value): Value {
  if (typeof a === 'bigint' && typeof b === 'bigint') {
    if (b === 0n) return new CelError('modulus by zero');
    return a === INT_MIN && b === -1n ? intOverflow() : a % b;
  }
  if (a instanceof CelError) return a;
  if (b instanceof CelError) return b;
  if (a instanceof Uint && b instanceof Uint) {
    return b.value === 0n ? new CelError('modulus by zero') : new Uint(a.value % b.value);
  }
  return noSuchOverload();
}

export function negate(a: Value): Value {
  if (typeof a === 'bigint') return int(-a);
  if (typeof a === 'number') return -a;
  return a instanceof CelError ? a : noSuchOverload();
}
