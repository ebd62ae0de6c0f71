/** Decoders made of schemas; see `protobuf.ts`. */
import { setMember } from '../meta/json.ts';
import type { Json, JsonObject } from '../meta/object.ts';
import { type FieldSchema, type FieldType, isInline, type TypeSchema } from '../schema/types.ts';
import { canonicalQuantity, QuantityError } from './quantity.ts';
import { formatMicroTime, formatTime, isZeroTime } from './time.ts';
import { WireError, type WireReader } from './wire.ts';
import { BYTES, wireTypeOf } from './wire-type.ts';
import { emptinessOf, fillZeros, zeroMaker } from './zero.ts';

/** Reads fields up to the end of the reader's message into `object`. */
export type Decoder = (reader: WireReader, object: JsonObject) => void;
/** Reads one field's value into `object`. */
type FieldDecoder = (reader: WireReader, object: JsonObject, wireType: number) => void;
/** Reads one value; undefined for a zero time and the like. */
type ValueDecoder = (reader: WireReader) => Json | undefined;

const MALFORMED = 'proto: wrong wireType';

const decoders = new WeakMap<TypeSchema, Decoder>();

export function decoderFor(type: TypeSchema): Decoder {
  const known = decoders.get(type);
  if (known !== undefined) return known;
  const fields: (FieldDecoder | undefined)[] = [];
  const made: Decoder = (reader, object) => {
    readFields(reader, object, fields);
    fillZeros(type, object);
  };
  // Kept before its parts are made: a type may contain itself.
  decoders.set(type, made);
  addFields(type, fields);
  return made;
}

/** Fields only; an inlined message must not fill in what the whole object may still get. */
function readFields(
  reader: WireReader,
  object: JsonObject,
  fields: readonly (FieldDecoder | undefined)[],
): void {
  while (reader.position < reader.end) {
    const tag = reader.uint32();
    const decode = fields[tag >>> 3];
    if (decode === undefined) reader.skip(tag & 7);
    else decode(reader, object, tag & 7);
  }
}

function addFields(type: TypeSchema, fields: (FieldDecoder | undefined)[]): void {
  for (const member of type.members) {
    if (!isInline(member)) {
      if (member.number > 0) fields[member.number] = fieldDecoder(member);
    } else if (member.inline > 0) {
      const inner: (FieldDecoder | undefined)[] = [];
      addFields(member.type, inner);
      fields[member.inline] = (reader, object, wireType) => {
        if (wireType !== BYTES) throw new WireError(MALFORMED);
        const outer = reader.enter();
        readFields(reader, object, inner);
        reader.leave(outer);
      };
    }
  }
}

function fieldDecoder(field: FieldSchema): FieldDecoder {
  const { json, type } = field;
  if (type.kind === 'map') return mapDecoder(json, type.of);
  if (type.kind === 'list' && !type.wrapped) return listDecoder(json, type.of);
  const decode = valueDecoder(type);
  const wireType = wireTypeOf(type);
  const isEmpty = emptinessOf(field);
  return (reader, object, actual) => {
    if (actual !== wireType) throw new WireError(MALFORMED);
    const value = decode(reader);
    if (value !== undefined && isEmpty?.(value) !== true) object[json] = value;
  };
}

function listDecoder(json: string, of: FieldType): FieldDecoder {
  const decode = valueDecoder(of);
  const wireType = wireTypeOf(of);
  return (reader, object, actual) => {
    const known = object[json];
    const list: Json[] = Array.isArray(known) ? known : (object[json] = []);
    if (actual === wireType) {
      list.push(decode(reader) ?? null);
      return;
    }
    // Numbers may come packed.
    if (actual !== BYTES) throw new WireError(MALFORMED);
    const outer = reader.enter();
    while (reader.position < reader.end) list.push(decode(reader) ?? null);
    reader.leave(outer);
  };
}

function mapDecoder(json: string, of: FieldType): FieldDecoder {
  const decode = valueDecoder(of);
  const zero = zeroMaker(of);
  return (reader, object, actual) => {
    if (actual !== BYTES) throw new WireError(MALFORMED);
    const known = object[json];
    const map = known === undefined ? (object[json] = {}) : (known as JsonObject);
    const outer = reader.enter();
    let key = '';
    let value: Json | undefined;
    while (reader.position < reader.end) {
      const tag = reader.uint32();
      if (tag === 0x0a) key = reader.string();
      else if (tag >>> 3 === 2) value = decode(reader);
      else reader.skip(tag & 7);
    }
    reader.leave(outer);
    setMember(map, key, value ?? zero?.() ?? null);
  };
}

function valueDecoder(type: FieldType): ValueDecoder {
  switch (type.kind) {
    case 'scalar':
      return SCALARS[type.scalar] ?? readString;
    case 'list':
      return wrappedList(type.of);
    case 'map':
      throw new WireError('proto: a map cannot be an element');
    case 'object':
      return objectDecoder(type);
  }
}

function objectDecoder(type: { readonly type: TypeSchema }): ValueDecoder {
  let inner: Decoder | undefined;
  return (reader) => {
    const outer = reader.enter();
    const object: JsonObject = {};
    if (type.type.twoForms === undefined) {
      inner ??= decoderFor(type.type);
      inner(reader, object);
      reader.leave(outer);
      return object;
    }
    const value = readTwoForms(type.type, reader);
    reader.leave(outer);
    return value;
  };
}

function wrappedList(of: FieldType): ValueDecoder {
  const decode = valueDecoder(of);
  return (reader) => {
    const outer = reader.enter();
    const list: Json[] = [];
    while (reader.position < reader.end) {
      const tag = reader.uint32();
      if (tag === 0x0a) list.push(decode(reader) ?? null);
      else reader.skip(tag & 7);
    }
    reader.leave(outer);
    return list;
  };
}

const readString: ValueDecoder = (reader) => reader.string();

/** The bytes of field 1 of a message, undefined when it is empty. */
function onlyBytes(reader: WireReader): Buffer | undefined {
  const outer = reader.enter();
  let bytes: Buffer | undefined;
  while (reader.position < reader.end) {
    const tag = reader.uint32();
    if (tag === 0x0a) bytes = reader.bytes();
    else reader.skip(tag & 7);
  }
  reader.leave(outer);
  return bytes;
}

function parseRaw(bytes: Buffer): Json {
  try {
    return JSON.parse(bytes.toString()) as Json;
  } catch (error) {
    throw new WireError('proto: raw bytes are no JSON', { cause: error });
  }
}

/** JSON, or the bytes of what is none (the envelope of the object in a WatchEvent). */
const readRawExtension: ValueDecoder = (reader) => {
  const bytes = onlyBytes(reader);
  if (bytes === undefined || bytes.length === 0) return undefined;
  if (bytes[0] !== 0x6b) return parseRaw(bytes);
  // Typed as JSON like every field; `encodeProtobuf` knows the form.
  return { raw: bytes } as unknown as JsonObject;
};

const readRaw: ValueDecoder = (reader) => {
  const bytes = onlyBytes(reader);
  return bytes === undefined || bytes.length === 0 ? undefined : parseRaw(bytes);
};

function readInstant(reader: WireReader): { seconds: number; nanos: number } | undefined {
  const outer = reader.enter();
  const isEmpty = reader.position === reader.end;
  const instant = { seconds: 0, nanos: 0 };
  while (reader.position < reader.end) {
    const tag = reader.uint32();
    if (tag === 0x08) instant.seconds = reader.int64();
    else if (tag === 0x10) instant.nanos = reader.int32();
    else reader.skip(tag & 7);
  }
  reader.leave(outer);
  return isEmpty || isZeroTime(instant) ? undefined : instant;
}

/** A quantity is read as it comes in, so that nobody meets one that is none. */
function readQuantity(text: string | undefined): string {
  if (text === undefined) return '0';
  try {
    return canonicalQuantity(text);
  } catch (error) {
    throw error instanceof QuantityError ? new WireError(error.message, { cause: error }) : error;
  }
}

const SCALARS: Readonly<Record<string, ValueDecoder>> = {
  string: readString,
  bool: (reader) => reader.uint32() !== 0,
  int32: (reader) => reader.int32(),
  int64: (reader) => reader.int64(),
  double: (reader) => reader.double(),
  bytes: (reader) => reader.bytes().toString('base64'),
  quantity: (reader) => readQuantity(onlyBytes(reader)?.toString()),
  time: (reader) => {
    const instant = readInstant(reader);
    return instant === undefined ? undefined : formatTime(instant);
  },
  microTime: (reader) => {
    const instant = readInstant(reader);
    return instant === undefined ? undefined : formatMicroTime(instant);
  },
  intOrString: (reader) => {
    const outer = reader.enter();
    let [type, number, text] = [0, 0, ''];
    while (reader.position < reader.end) {
      const tag = reader.uint32();
      if (tag === 0x08) type = reader.int32();
      else if (tag === 0x10) number = reader.int32();
      else if (tag === 0x1a) text = reader.string();
      else reader.skip(tag & 7);
    }
    reader.leave(outer);
    return type === 1 ? text : number;
  },
  rawExtension: readRawExtension,
  fieldsV1: readRaw,
  json: readRaw,
};

/** Undoes `twoForms` of the encoder: a schema, or a list, or whether anything is allowed. */
function readTwoForms(type: TypeSchema, reader: WireReader): Json {
  const schema = type.fields.find((field) => field.json === 'Schema');
  const schemaType = schema?.type;
  if (schemaType?.kind !== 'object')
    throw new Error(`Cannot decode ${type.name}: no schema member`);
  const decodeSchema = objectDecoder(schemaType);
  const decodeItem = type.twoForms === 'schemaOrArray' ? decodeSchema : readString;
  const schemaTag = (schema?.number ?? 0) * 8 + 2;
  let single: Json | undefined;
  let allows = false;
  const list: Json[] = [];
  while (reader.position < reader.end) {
    const tag = reader.uint32();
    if (tag === schemaTag) single = decodeSchema(reader);
    else if (tag === 0x12) list.push(decodeItem(reader) ?? null);
    else if (tag === 0x08) allows = reader.uint32() !== 0;
    else reader.skip(tag & 7);
  }
  return single ?? (type.twoForms === 'schemaOrBool' ? allows : list);
}
