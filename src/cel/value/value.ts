/**
 * What CEL expressions compute with.
 *
 * null, bool, string and double are JavaScript's own; an int is a bigint, so that it never mixes
 * with a double; everything else is a class of this file or of a library. Errors are values too:
 * `&&` and `||` absorb them, everything else passes them on, and nothing is thrown.
 */
import type { Type } from '../check/type.ts';

/** Why there is no result. */
export class CelError {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

/** An unsigned integer below 2 to the 64. */
export class Uint {
  readonly value: bigint;

  constructor(value: bigint) {
    this.value = value;
  }
}

/** A point in time, in nanoseconds since 1970. */
export class Timestamp {
  readonly nanos: bigint;
  /** How far the clock was ahead of UTC by which it was written: it is written so again. */
  readonly offsetSeconds: number;

  constructor(nanos: bigint, offsetSeconds = 0) {
    this.nanos = nanos;
    this.offsetSeconds = offsetSeconds;
  }
}

/** A span of time, in nanoseconds. */
export class Duration {
  readonly nanos: bigint;

  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

/** A type as a value: what `type(x)` gives. */
export class TypeValue {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** A value that may be absent. */
export class Optional {
  readonly value: Value | undefined;

  constructor(value: Value | undefined) {
    this.value = value;
  }

  static readonly NONE = new Optional(undefined);
}

/** A list; elements may be made only when they are read. */
export abstract class ListValue {
  abstract get size(): number;
  /** The element at an index that is within the list. */
  abstract at(index: number): Value;

  /** Lists of some schemas compare in a way of their own; undefined for the way of CEL. */
  equalsOther(_other: ListValue): Value | undefined {
    return undefined;
  }

  /** Lists of some schemas merge; undefined for the way of CEL. */
  plus(_other: ListValue): Value | undefined {
    return undefined;
  }

  /** What the elements were made from, where that is plain JSON. */
  readonly json: readonly unknown[] | undefined = undefined;
}

/** A list whose elements are all there. */
export class ArrayList extends ListValue {
  readonly elements: readonly Value[];

  constructor(elements: readonly Value[]) {
    super();
    this.elements = elements;
  }

  override get size(): number {
    return this.elements.length;
  }

  override at(index: number): Value {
    return this.elements[index] ?? null;
  }
}

/** A map, or an object with fields. */
export abstract class MapValue {
  abstract get size(): number;
  /** The value of a key, or undefined when it is not there. */
  abstract find(key: Value): Value | undefined;
  abstract keys(): Iterable<Value>;

  /** What `in` says of a key: a boolean, or why there is none. */
  holds(key: Value): Value {
    const found = this.find(key);
    return found instanceof CelError ? found : found !== undefined;
  }

  /** Maps of some schemas compare in a way of their own; undefined for the way of CEL. */
  equalsOther(_other: MapValue): Value | undefined {
    return undefined;
  }

  get typeName(): string {
    return 'map';
  }

  /** What the map was made from, where that is plain JSON. */
  readonly json: Readonly<Record<string, unknown>> | undefined = undefined;
}

/** What numbers, strings and booleans are as keys: numbers that are equal are one key. */
export function keyOf(value: Value): string | bigint | boolean | undefined {
  switch (typeof value) {
    case 'string':
    case 'bigint':
    case 'boolean':
      return value;
    case 'number':
      return Number.isInteger(value) ? BigInt(value) : undefined;
    default:
      return value instanceof Uint ? value.value : undefined;
  }
}

/** A map whose entries are all there. */
export class EntryMap extends MapValue {
  readonly entries: ReadonlyMap<string | bigint | boolean, readonly [key: Value, value: Value]>;

  constructor(entries: ReadonlyMap<string | bigint | boolean, readonly [Value, Value]>) {
    super();
    this.entries = entries;
  }

  override get size(): number {
    return this.entries.size;
  }

  override find(key: Value): Value | undefined {
    const canonical = keyOf(key);
    return canonical === undefined ? undefined : this.entries.get(canonical)?.[1];
  }

  override *keys(): Iterable<Value> {
    for (const [key] of this.entries.values()) yield key;
  }
}

/** A value of a library's own type: a URL, a quantity, an authorizer. */
export abstract class OpaqueValue {
  abstract readonly type: Type;
  abstract isEqual(other: OpaqueValue): boolean;

  /** What `size` would be, for the cost of reading it. */
  get costSize(): number {
    return 1;
  }
}

/** A map of entries, or why they make none. */
export function mapOf(pairs: readonly (readonly [Value, Value])[]): Value {
  const entries = new Map<string | bigint | boolean, readonly [Value, Value]>();
  for (const pair of pairs) {
    const [key] = pair;
    const canonical = typeof key === 'number' ? undefined : keyOf(key);
    if (canonical === undefined) return new CelError(`unsupported key type: ${typeNameOf(key)}`);
    if (entries.has(canonical)) return new CelError('Failed with repeated key');
    entries.set(canonical, pair);
  }
  return new EntryMap(entries);
}

export type Value =
  | null
  | boolean
  | bigint
  | number
  | string
  | Uint8Array
  | Uint
  | Timestamp
  | Duration
  | TypeValue
  | Optional
  | ListValue
  | MapValue
  | OpaqueValue
  | CelError;

export const INT_MAX = 2n ** 63n - 1n;
export const INT_MIN = -(2n ** 63n);
export const UINT_MAX = 2n ** 64n - 1n;

/** The name of a value's type, as `type(x)` and messages give it. */
export function typeNameOf(value: Value): string {
  switch (typeof value) {
    case 'boolean':
      return 'bool';
    case 'bigint':
      return 'int';
    case 'number':
      return 'double';
    case 'string':
      return 'string';
    default:
      return objectTypeName(value);
  }
}

function objectTypeName(value: Exclude<Value, boolean | bigint | number | string>): string {
  if (value === null) return 'null_type';
  if (value instanceof ListValue) return 'list';
  if (value instanceof MapValue) return value.typeName;
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof Uint) return 'uint';
  if (value instanceof Timestamp) return 'google.protobuf.Timestamp';
  if (value instanceof Duration) return 'google.protobuf.Duration';
  if (value instanceof TypeValue) return 'type';
  if (value instanceof Optional) return 'optional_type';
  return value instanceof OpaqueValue ? value.type.name : 'error';
}

/** What a function says of arguments that it is not made for. */
export const noSuchOverload = (): CelError => new CelError('no such overload');

/** A value that an overload takes as a string only. */
export const textOf = (value: Value): string => (typeof value === 'string' ? value : '');

/** A value that an overload takes as an int only, where a double is exact enough. */
export const numberOf = (value: Value): number => (typeof value === 'bigint' ? Number(value) : 0);

/** The elements of a list, one after the other. */
export function* elementsOf(list: ListValue): Iterable<Value> {
  const { size } = list;
  for (let index = 0; index < size; index += 1) yield list.at(index);
}

/** The code points of a string, without making them all when every one is a single unit. */
export function codePointLength(text: string): number {
  let length = text.length;
  for (let index = 0; index < text.length - 1; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0xd800 || unit > 0xdbff) continue;
    const next = text.charCodeAt(index + 1);
    if (next >= 0xdc00 && next <= 0xdfff) length -= 1;
  }
  return length;
}

/** What `size(value)` is; undefined where there is no such thing. */
export function sizeOf(value: Value): number | undefined {
  if (typeof value === 'string') return codePointLength(value);
  if (value instanceof ListValue || value instanceof MapValue) return value.size;
  return value instanceof Uint8Array ? value.length : undefined;
}
