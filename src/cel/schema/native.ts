/**
 * CEL values as plain JSON again: what expressions answer with, and what schemas compare.
 */
import { formatDuration, formatTimestamp } from '../value/time.ts';
import {
  Duration,
  elementsOf,
  ListValue,
  MapValue,
  OpaqueValue,
  Optional,
  Timestamp,
  TypeValue,
  Uint,
  type Value,
} from '../value/value.ts';

const whole = (value: bigint): number | bigint =>
  value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : value;

function objectOf(map: MapValue): Readonly<Record<string, unknown>> {
  if (map.json !== undefined) return map.json;
  const entries: [string, unknown][] = [];
  for (const key of map.keys()) {
    entries.push([String(nativeOf(key)), nativeOf(map.find(key) ?? null)]);
  }
  return Object.fromEntries(entries);
}

/** The JSON of a value; whole numbers beyond what a double holds stay bigints. */
export function nativeOf(value: Value): unknown {
  if (typeof value === 'bigint') return whole(value);
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof ListValue) return value.json ?? Array.from(elementsOf(value), nativeOf);
  if (value instanceof MapValue) return objectOf(value);
  if (value instanceof Uint) return whole(value.value);
  if (value instanceof Timestamp) return formatTimestamp(value.nanos, value.offsetSeconds);
  if (value instanceof Duration) return formatDuration(value.nanos);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (value instanceof Optional) return value.value === undefined ? null : nativeOf(value.value);
  if (value instanceof TypeValue) return value.name;
  return value instanceof OpaqueValue ? value.type.name : value.message;
}

/** Whether two pieces of JSON are the same; the order of fields does not count. */
export function isSameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a === 'bigint' || typeof b === 'bigint') return String(a) === String(b);
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [left, right] = [Object.entries(a), new Map<string, unknown>(Object.entries(b))];
  if (left.length !== right.size) return false;
  return left.every(([key, value]) => right.has(key) && isSameJson(value, right.get(key)));
}
