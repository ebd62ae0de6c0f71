/**
 * Equality and order of CEL values.
 *
 * Upstream: cel-go common/types (Equal and Compare of each type), v0.26: numbers compare across
 * their types, values of other types are simply not equal, and order is only within a type.
 */
import {
  CelError,
  Duration,
  elementsOf,
  ListValue,
  MapValue,
  noSuchOverload,
  OpaqueValue,
  Optional,
  Timestamp,
  TypeValue,
  Uint,
  type Value,
} from './value.ts';

type Numeric = bigint | number | Uint;

export const isNumeric = (value: Value): value is Numeric =>
  typeof value === 'bigint' || typeof value === 'number' || value instanceof Uint;

/** A number as it compares with others of its own type, or with any as a double. */
const plain = (value: Numeric, isDouble: boolean): bigint | number => {
  const number = value instanceof Uint ? value.value : value;
  return isDouble ? Number(number) : number;
};

/** -1, 0 or 1; NaN is undefined. Beside a double everything is one, as upstream compares. */
export function compareNumbers(a: Numeric, b: Numeric): number | undefined {
  const isDouble = typeof a === 'number' || typeof b === 'number';
  const [left, right] = [plain(a, isDouble), plain(b, isDouble)];
  if (left < right) return -1;
  if (left > right) return 1;
  return Number.isNaN(left) || Number.isNaN(right) ? undefined : 0;
}

/** Whether two values are equal: true, false or an error. */
export function equal(a: Value, b: Value): boolean | CelError {
  if (a instanceof CelError) return a;
  if (b instanceof CelError) return b;
  if (isNumeric(a)) return isNumeric(b) && compareNumbers(a, b) === 0;
  if (a === null || typeof a !== 'object') return a === b;
  if (b === null || typeof b !== 'object') return false;
  if (a instanceof ListValue) return b instanceof ListValue && equalLists(a, b);
  if (a instanceof MapValue) return b instanceof MapValue && equalMaps(a, b);
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  if (a instanceof Timestamp) return b instanceof Timestamp && a.nanos === b.nanos;
  if (a instanceof Duration) return b instanceof Duration && a.nanos === b.nanos;
  if (a instanceof TypeValue) return b instanceof TypeValue && a.name === b.name;
  if (a instanceof Optional) return b instanceof Optional && equalOptionals(a, b);
  return a instanceof OpaqueValue && b instanceof OpaqueValue && a.type.name === b.type.name
    ? a.isEqual(b)
    : false;
}

function equalOptionals(a: Optional, b: Optional): boolean | CelError {
  if (a.value === undefined || b.value === undefined) return a.value === b.value;
  return equal(a.value, b.value);
}

function equalLists(a: ListValue, b: ListValue): boolean | CelError {
  const own = a.equalsOther(b);
  if (own !== undefined) return own instanceof CelError ? own : own === true;
  if (a.size !== b.size) return false;
  for (let index = 0; index < a.size; index += 1) {
    const outcome = equal(a.at(index), b.at(index));
    if (outcome !== true) return outcome;
  }
  return true;
}

function equalMaps(a: MapValue, b: MapValue): boolean | CelError {
  const own = a.equalsOther(b);
  if (own !== undefined) return own instanceof CelError ? own : own === true;
  if (a.size !== b.size) return false;
  for (const key of a.keys()) {
    const [left, right] = [a.find(key), b.find(key)];
    if (left === undefined || right === undefined) return false;
    const outcome = equal(left, right);
    if (outcome !== true) return outcome;
  }
  return true;
}

/** Whether a list has an element that equals the value; errors only when no element does. */
export function isInList(value: Value, list: ListValue): boolean | CelError {
  if (value instanceof CelError) return value;
  let failed: CelError | undefined;
  for (const element of elementsOf(list)) {
    const outcome = equal(value, element);
    if (outcome === true) return true;
    if (outcome instanceof CelError) failed ??= outcome;
  }
  return failed ?? false;
}

const order = (a: string | bigint, b: string | bigint): number => (a < b ? -1 : a > b ? 1 : 0);

/** Strings are ordered by their UTF-8 bytes: surrogates stand above what they encode. */
function compareStrings(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index += 1) {
    const [left, right] = [a.charCodeAt(index), b.charCodeAt(index)];
    if (left === right) continue;
    const isLeftHigh = left >= 0xd800 && left <= 0xdfff;
    const isRightHigh = right >= 0xd800 && right <= 0xdfff;
    if (isLeftHigh !== isRightHigh) return isLeftHigh ? 1 : -1;
    return left - right;
  }
  return a.length - b.length;
}

/** -1, 0 or 1; undefined for NaN; an error where there is no order. */
export function compare(a: Value, b: Value): number | undefined | CelError {
  if (a instanceof CelError) return a;
  if (b instanceof CelError) return b;
  if (isNumeric(a) && isNumeric(b)) return compareNumbers(a, b);
  if (typeof a === 'string' && typeof b === 'string') return Math.sign(compareStrings(a, b));
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  if (a instanceof Timestamp && b instanceof Timestamp) return order(a.nanos, b.nanos);
  if (a instanceof Duration && b instanceof Duration) return order(a.nanos, b.nanos);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b);
  return noSuchOverload();
}
