/**
 * Reading a field, a key or an index of a value.
 *
 * Upstream: cel-go interpreter/attributes.go (refQualify, applyQualifiers), v0.26: what is read
 * from an optional is optional again, and reading an optional part of what has no parts is none.
 */
import { toString } from '../value/convert.ts';
import {
  CelError,
  ListValue,
  MapValue,
  Optional,
  typeNameOf,
  Uint,
  type Value,
} from '../value/value.ts';

/** A value as messages show it. */
function shown(value: Value): string {
  const text = toString(value);
  return typeof text === 'string' ? text : typeNameOf(value);
}

const noSuchKey = (key: Value): CelError => new CelError(`no such key: ${shown(key)}`);

/** The index that a value is, or why it is none. */
function indexOf(key: Value): number | CelError {
  if (typeof key === 'bigint') return Number(key);
  if (key instanceof Uint) return Number(key.value);
  if (typeof key === 'number') {
    if (Number.isInteger(key)) return key;
    return new CelError(`unsupported index value ${key} in list`);
  }
  return new CelError(`unsupported index type '${typeNameOf(key)}' in list`);
}

/** The part of a value that a key names: undefined when it is not there. */
function find(value: Value, key: Value): Value | undefined {
  if (value instanceof MapValue) return value.find(key);
  if (value instanceof ListValue) {
    const index = indexOf(key);
    if (index instanceof CelError) return index;
    return index >= 0 && index < value.size ? value.at(index) : undefined;
  }
  return value instanceof CelError ? value : undefined;
}

/** What has no parts at all: upstream takes such parts for absent unless it is told otherwise. */
const hasParts = (value: Value): boolean =>
  value instanceof MapValue || value instanceof ListValue || value instanceof CelError;

function fromOptional(optional: Optional, key: Value, isStrict: boolean): Value {
  if (optional.value === undefined) return Optional.NONE;
  if (isStrict && !hasParts(optional.value)) return noSuchKey(key);
  const found = find(optional.value, key);
  if (found instanceof CelError) return found;
  return found === undefined ? Optional.NONE : new Optional(found);
}

/** `value[key]` and `value.key`. */
export function read(value: Value, key: Value, isStrict: boolean): Value {
  if (key instanceof CelError) return value instanceof CelError ? value : key;
  if (value instanceof Optional) return fromOptional(value, key, isStrict);
  const found = find(value, key);
  if (found !== undefined) return found;
  return value instanceof ListValue
    ? new CelError(`index out of bounds: ${shown(key)}`)
    : noSuchKey(key);
}

/** `value[?key]` and `value.?key`. */
export function readOptional(value: Value, key: Value, isStrict: boolean): Value {
  if (value instanceof CelError) return value;
  if (key instanceof CelError) return key;
  const optional = value instanceof Optional ? value : new Optional(value);
  return fromOptional(optional, key, isStrict);
}

/** `has(value.field)`. */
export function isPresent(value: Value, field: string, isStrict: boolean): Value {
  if (value instanceof CelError) return value;
  const within = value instanceof Optional ? value.value : value;
  if (within === undefined) return false;
  if (isStrict && !hasParts(within)) return noSuchKey(field);
  const found = find(within, field);
  return found instanceof CelError ? found : found !== undefined;
}
