/**
 * Small helpers for parsed JSON that the codecs, patches and field management share.
 *
 * `__proto__` may be a key of a client's object: members are read with `hasOwn` and written as
 * data properties, so that no patch reaches a prototype.
 */
import type { Json, JsonObject } from './object.ts';

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The own member `key`, or undefined. */
export function memberOf(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** Sets the own member `key`, whatever it is called. Changes `object`. */
export function setMember<T>(object: { [key: string]: T }, key: string, value: T): void {
  if (key !== '__proto__') {
    object[key] = value;
    return;
  }
  Object.defineProperty(object, key, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}

const sent = new WeakSet<object>();

/**
 * Notes that an empty list or map was sent. Go tells it from one that is nil, as the empty ones are
 * that decoding fills in: its sender owns it. What comes out of the store is as if nobody had.
 */
export function markSent<T extends object>(empty: T): T {
  sent.add(empty);
  return empty;
}

export function wasSent(value: Json | undefined): boolean {
  return typeof value === 'object' && value !== null && sent.has(value);
}

const sentEmpty = new WeakMap<object, Set<string>>();

/** Notes that `object` was sent with an empty list or map `key`, which is left out now. */
export function noteSentEmpty(object: object, key: string): void {
  const keys = sentEmpty.get(object);
  if (keys === undefined) sentEmpty.set(object, new Set([key]));
  else keys.add(key);
}

/**
 * Whether `object` came with an empty list or map `key`. A few rules tell it from nothing, though
 * what is stored and answered does not. Of copies nothing is known.
 */
export function wasSentEmpty(object: object | undefined, key: string): boolean {
  return object !== undefined && sentEmpty.get(object)?.has(key) === true;
}

/** Gives `copy` what `noteSentEmpty` has noted of `object`. */
export function withSentEmpty<T extends object>(copy: T, object: object): T {
  const keys = sentEmpty.get(object);
  if (keys !== undefined) sentEmpty.set(copy, new Set(keys));
  return copy;
}

/** Copies keep what `markSent` noted. */
export function cloneJson<T extends Json>(value: T): T;
export function cloneJson(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const list = value.map((item) => cloneJson(item));
    return list.length === 0 && sent.has(value) ? markSent(list) : list;
  }
  // A spread takes over the form of the object, and "__proto__" as a member like others.
  const copy: JsonObject = { ...value };
  let isEmpty = true;
  // JSON inherits nothing that could be counted, and this is the quickest loop there is.
  for (const key in copy) {
    isEmpty = false;
    const member = copy[key];
    if (typeof member === 'object' && member !== null) copy[key] = cloneJson(member);
    else if (member === undefined) delete copy[key];
  }
  return isEmpty && sent.has(value) ? markSent(copy) : copy;
}

/** A value as Go's `%v` prints it: `map[a:1 b:[x y]]`. Upstream's messages hold such values. */
export function goText(value: Json | undefined): string {
  if (value === undefined || value === null) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`;
  if (typeof value !== 'object') return String(value);
  const members = Object.keys(value)
    .toSorted()
    .map((key) => `${key}:${goText(value[key])}`);
  return `map[${members.join(' ')}]`;
}
