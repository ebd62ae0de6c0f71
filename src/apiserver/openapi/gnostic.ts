/**
 * OpenAPI documents as protobuf: the messages of gnostic, which client-go and older kubectl read.
 *
 * A grammar says for each message which member of the JSON becomes which field; `gnostic-v2.ts` and
 * `gnostic-v3.ts` are the two. Messages are written back to front, so that the length of a nested
 * one is known when it is written.
 *
 * Source: github.com/google/gnostic-models v0.7, openapiv2/OpenAPIv2.proto, openapiv3/OpenAPIv3.proto.
 */
import { toYaml } from '#api/codec/yaml.ts';
import { WireWriter } from '#api/codec/wire.ts';
import type { Json, JsonObject } from '#api/meta/object.ts';

/** How a value is written: nothing when it is the zero value, as proto3 has it. */
export type Write = (tag: number, value: Json) => void;

const writer = new WireWriter();
const LENGTH_DELIMITED = 2;

/** The bytes of one message, written by `write`. */
export function messageBytes(write: () => void): Uint8Array {
  writer.reset();
  write();
  return writer.result();
}

function tagged(field: number, wireType: number): void {
  writer.varint(field * 8 + wireType);
}

/** A nested message: what `content` writes, its length, its tag. */
export function nested(field: number, content: () => void): void {
  const before = writer.size();
  content();
  writer.varint(writer.size() - before);
  tagged(field, LENGTH_DELIMITED);
}

/** A string, also an empty one. */
function text(field: number, value: string): void {
  nested(field, () => writer.string(value));
}

export const string: Write = (field, value) => {
  if (typeof value === 'string' && value !== '') text(field, value);
};

export const bool: Write = (field, value) => {
  if (value !== true) return;
  writer.byte(1);
  tagged(field, 0);
};

export const double: Write = (field, value) => {
  if (typeof value !== 'number' || value === 0) return;
  writer.double(value);
  tagged(field, 1);
};

/** As members of a oneof, which are written even when they are zero. */
export const presentBool: Write = (field, value) => {
  writer.byte(value === true ? 1 : 0);
  tagged(field, 0);
};
export const presentDouble: Write = (field, value) => {
  writer.double(Number(value));
  tagged(field, 1);
};
export const presentString: Write = (field, value) => {
  if (typeof value === 'string') text(field, value);
};

export const int64: Write = (field, value) => {
  if (typeof value !== 'number' || value === 0) return;
  writer.int64(value);
  tagged(field, 0);
};

/** Any value, as YAML. */
export const any: Write = (field, value) => nested(field, () => text(2, toYaml(value)));

export const strings: Write = (field, value) => {
  for (const item of backwards(value)) if (typeof item === 'string') text(field, item);
};

export function repeated(write: Write): Write {
  return (field, value) => {
    for (const item of backwards(value)) write(field, item);
  };
}

/** One of two: `second` where `isSecond` says so. */
export function either(isSecond: (value: Json) => boolean, first: Write, second: Write): Write {
  return (field, value) =>
    nested(field, () => (isSecond(value) ? second(2, value) : first(1, value)));
}

/** A message around one field of the same value. */
export function wrapped(inner: number, write: Write): Write {
  return (field, value) => nested(field, () => write(inner, value));
}

/** The members of an object as pairs of a name and a value, in a message of their own. */
export function named(write: Write, inner = 1): Write {
  return (field, value) => nested(field, () => pairs(inner, write, entriesOf(value)));
}

/** `NamedX` messages. */
export function pairs(field: number, write: Write, entries: readonly [string, Json][]): void {
  for (const [name, value] of entries.toReversed()) {
    nested(field, () => {
      write(2, value);
      if (name !== '') text(1, name);
    });
  }
}

/** A member of the JSON, its field, and how it is written. */
export type Member = readonly [name: string, field: number, write: Write];

export interface MessageShape {
  /** In the order of the fields. */
  readonly members: readonly Member[];
  /** The field of what begins with `x-`. */
  readonly extensions?: number;
  /** The field of all other members, and how they are written. */
  readonly others?: readonly [field: number, write: Write];
}

/** A message of its own. `shape` is asked for when it is needed: messages hold one another. */
export function message(shape: () => MessageShape): Write {
  return (field, value) => nested(field, () => content(shape(), value));
}

/** What a message holds, without its tag and length. */
export function content({ members, extensions, others }: MessageShape, value: Json): void {
  const object = objectOf(value);
  const named = new Set(members.map(([name]) => name));
  const parts: [field: number, write: () => void][] = members
    .filter(([name]) => object[name] !== undefined)
    .map(([name, field, write]) => [field, () => write(field, object[name] ?? null)]);
  const rest = Object.entries(object).filter(([name]) => !named.has(name)) as [string, Json][];
  const ofExtensions = rest.filter(([name]) => name.startsWith('x-'));
  if (extensions !== undefined && ofExtensions.length > 0)
    parts.push([extensions, () => pairs(extensions, any, ofExtensions)]);
  if (others !== undefined) {
    const [field, write] = others;
    const ofOthers = rest.filter(([name]) => !name.startsWith('x-'));
    parts.push([field, () => pairs(field, write, ofOthers)]);
  }
  for (const [, write] of parts.toSorted(([a], [b]) => b - a)) write();
}

export function objectOf(value: Json): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}

function entriesOf(value: Json): [string, Json][] {
  return Object.entries(objectOf(value)) as [string, Json][];
}

function backwards(value: Json): Json[] {
  return Array.isArray(value) ? value.toReversed() : [value];
}
