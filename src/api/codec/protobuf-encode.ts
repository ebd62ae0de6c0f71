/** Encoders made of schemas; see `protobuf.ts`. Everything is written backwards. */
import type { Json, JsonObject } from '../meta/object.ts';
import {
  type FieldSchema,
  type FieldType,
  isInline,
  type Member,
  type ScalarKind,
  type TypeSchema,
} from '../schema/types.ts';
import { escapeHtml } from './html.ts';
import { sortedKeys } from './keys.ts';
import { isZeroTime, parseMicroTime, parseTime } from './time.ts';
import type { WireWriter } from './wire.ts';
import { BYTES, wireTypeOf } from './wire-type.ts';

export type Encoder = (writer: WireWriter, object: JsonObject) => void;
type ValueEncoder = (writer: WireWriter, value: Json, tag: number) => void;

const EMPTY: JsonObject = Object.freeze({});

const encoders = new WeakMap<TypeSchema, Encoder>();

export function encoderFor(type: TypeSchema): Encoder {
  const known = encoders.get(type);
  if (known !== undefined) return known;
  const steps: Encoder[] = [];
  const made: Encoder = (writer, object) => {
    for (let i = 0; i < steps.length; i++) steps[i]?.(writer, object);
  };
  // Kept before its parts are made: a type may contain itself.
  encoders.set(type, type.twoForms === undefined ? made : twoForms(type));
  for (const member of type.members.toSorted((a, b) => numberOf(b) - numberOf(a))) {
    const step = numberOf(member) === 0 ? undefined : memberEncoder(member);
    if (step !== undefined) steps.push(step);
  }
  return encoders.get(type) ?? made;
}

function numberOf(member: Member): number {
  return isInline(member) ? member.inline : member.number;
}

function memberEncoder(member: Member): Encoder | undefined {
  if (!isInline(member)) return fieldEncoder(member);
  // The inlined struct's fields stand in the same object, but are a message of their own.
  const tag = tagOf(member.inline, BYTES);
  const inner = encoderFor(member.type);
  return (writer, object) => nested(writer, object, { tag, inner });
}

function tagOf(number: number, wireType: number): number {
  return number * 8 + wireType;
}

function nested(
  writer: WireWriter,
  object: JsonObject,
  { tag, inner }: { readonly tag: number; readonly inner: Encoder },
): void {
  const before = writer.size();
  inner(writer, object);
  writer.varint(writer.size() - before);
  writer.varint(tag);
}

function fieldEncoder(field: FieldSchema): Encoder {
  const { json, type } = field;
  const encode = valueEncoder(type);
  const tag = tagOf(field.number, wireTypeOf(type));
  const zero = field.pointer ? undefined : zeroOf(type);
  if (zero === undefined) {
    return (writer, object) => {
      const value = object[json];
      if (value !== undefined && value !== null) encode(writer, value, tag);
    };
  }
  return (writer, object) => encode(writer, object[json] ?? zero, tag);
}

/** What is written for an absent field that is no pointer; undefined: nothing. */
function zeroOf(type: FieldType): Json | undefined {
  if (type.kind === 'object') return EMPTY;
  if (type.kind !== 'scalar') return type.kind === 'list' && type.wrapped ? undefined : undefined;
  return SCALAR_ZEROS[type.scalar];
}

/** `null` stands for an empty message: a zero time, raw JSON that nobody set. */
const SCALAR_ZEROS: Readonly<Partial<Record<ScalarKind, Json>>> = {
  string: '',
  bool: false,
  int32: 0,
  int64: 0,
  double: 0,
  quantity: '0',
  time: null,
  microTime: null,
  intOrString: 0,
  rawExtension: null,
  fieldsV1: null,
  json: null,
};

function valueEncoder(type: FieldType): ValueEncoder {
  switch (type.kind) {
    case 'scalar':
      return SCALARS[type.scalar];
    case 'list':
      return listEncoder(type.of, type.wrapped === true);
    case 'map':
      return mapEncoder(type.of);
    case 'object': {
      let inner: Encoder | undefined;
      return (writer, value, tag) => {
        inner ??= encoderFor(type.type);
        const before = writer.size();
        inner(writer, value as JsonObject);
        writer.varint(writer.size() - before);
        writer.varint(tag);
      };
    }
  }
}

function listEncoder(of: FieldType, wrapped: boolean): ValueEncoder {
  const encode = valueEncoder(of);
  const items: ValueEncoder = (writer, value, tag) => {
    if (!Array.isArray(value)) return;
    for (let i = value.length - 1; i >= 0; i--) encode(writer, value[i] ?? zeroItem(of), tag);
  };
  if (!wrapped) return items;
  const itemTag = tagOf(1, wireTypeOf(of));
  return (writer, value, tag) => {
    const before = writer.size();
    items(writer, value, itemTag);
    writer.varint(writer.size() - before);
    writer.varint(tag);
  };
}

function zeroItem(of: FieldType): Json {
  return zeroOf(of) ?? null;
}

function mapEncoder(of: FieldType): ValueEncoder {
  const encode = valueEncoder(of);
  const valueTag = tagOf(2, wireTypeOf(of));
  return (writer, value, tag) => {
    const map = value as JsonObject;
    const keys = sortedKeys(map);
    for (let i = keys.length - 1; i >= 0; i--) {
      const key = keys[i] ?? '';
      const before = writer.size();
      const item = map[key] ?? zeroItem(of);
      if (item !== null || of.kind !== 'scalar' || of.scalar !== 'bytes')
        encode(writer, item, valueTag);
      writer.stringField(0x0a, key);
      writer.varint(writer.size() - before);
      writer.varint(tag);
    }
  };
}

/** Writes `content` as a message with one field, number 1, of bytes. */
function inMessage(writer: WireWriter, tag: number, content: string | Uint8Array): void {
  const before = writer.size();
  if (typeof content === 'string') writer.string(content);
  else writer.bytes(content);
  writer.varint(writer.size() - before);
  writer.byte(0x0a);
  writer.varint(writer.size() - before);
  writer.varint(tag);
}

/** A text, or a number where a text is wanted (a quantity written in code). */
function textOf(value: Json): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  throw new TypeError(`Cannot encode ${JSON.stringify(value)}: the field holds text`);
}

function empty(writer: WireWriter, tag: number): void {
  writer.byte(0);
  writer.varint(tag);
}

const encodeString: ValueEncoder = (writer, value, tag) => writer.stringField(tag, textOf(value));

const encodeInteger: ValueEncoder = (writer, value, tag) => {
  writer.varint(Number(value));
  writer.varint(tag);
};

const encodeRaw: ValueEncoder = (writer, value, tag) => {
  if (value === null) {
    empty(writer, tag);
    return;
  }
  const raw: unknown =
    typeof value === 'object' && !Array.isArray(value) ? value['raw'] : undefined;
  // Escaped as Go's encoder does, which made most of what is stored: clients compare the bytes.
  const bytes = raw instanceof Uint8Array ? raw : escapeHtml(JSON.stringify(value));
  inMessage(writer, tag, bytes);
};

const SCALARS: Readonly<Record<ScalarKind, ValueEncoder>> = {
  string: encodeString,
  bool: (writer, value, tag) => {
    writer.byte(value === true ? 1 : 0);
    writer.varint(tag);
  },
  int32: encodeInteger,
  int64: encodeInteger,
  double: (writer, value, tag) => {
    writer.double(Number(value));
    writer.varint(tag);
  },
  bytes: (writer, value, tag) => {
    const bytes = Buffer.from(textOf(value), 'base64');
    writer.bytes(bytes);
    writer.varint(bytes.length);
    writer.varint(tag);
  },
  quantity: (writer, value, tag) => inMessage(writer, tag, textOf(value)),
  time: (writer, value, tag) => {
    const instant = value === null ? undefined : parseTime(textOf(value));
    if (instant === undefined || isZeroTime(instant)) empty(writer, tag);
    else encodeInstant(writer, tag, { seconds: instant.seconds, nanos: 0 });
  },
  microTime: (writer, value, tag) => {
    const instant = value === null ? undefined : parseMicroTime(textOf(value));
    if (instant === undefined || isZeroTime(instant)) empty(writer, tag);
    else encodeInstant(writer, tag, instant);
  },
  duration: encodeString,
  intOrString: (writer, value, tag) => {
    const before = writer.size();
    const isText = typeof value === 'string';
    writer.stringField(0x1a, isText ? value : '');
    writer.varint(isText ? 0 : Number(value));
    writer.byte(0x10);
    writer.varint(isText ? 1 : 0);
    writer.byte(0x08);
    writer.varint(writer.size() - before);
    writer.varint(tag);
  },
  rawExtension: encodeRaw,
  fieldsV1: encodeRaw,
  json: (writer, value, tag) => inMessage(writer, tag, JSON.stringify(value)),
  any: encodeString,
};

function encodeInstant(
  writer: WireWriter,
  tag: number,
  { seconds, nanos }: { readonly seconds: number; readonly nanos: number },
): void {
  const before = writer.size();
  writer.varint(nanos);
  writer.byte(0x10);
  writer.varint(seconds);
  writer.byte(0x08);
  writer.varint(writer.size() - before);
  writer.varint(tag);
}

/** The three types whose JSON is a schema or something simpler (apiextensions/v1). */
function twoForms(type: TypeSchema): Encoder {
  const schemaField = type.fields.find((field) => field.json === 'Schema');
  const schemaType = schemaField?.type;
  if (schemaType?.kind !== 'object')
    throw new Error(`Cannot encode ${type.name}: no schema member`);
  const schemaTag = tagOf(schemaField?.number ?? 0, BYTES);
  const schema = valueEncoder(schemaType);
  const others = type.twoForms === 'schemaOrArray' ? schema : encodeString;
  return (writer, value: Json) => {
    if (type.twoForms === 'schemaOrBool') {
      if (typeof value === 'object') schema(writer, value, schemaTag);
      writer.byte(value === false ? 0 : 1);
      writer.byte(0x08);
    } else if (Array.isArray(value)) {
      for (let i = value.length - 1; i >= 0; i--) others(writer, value[i] ?? EMPTY, 0x12);
    } else if (value !== null) schema(writer, value, schemaTag);
  };
}
