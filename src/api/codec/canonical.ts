/**
 * Objects as JSON, byte for byte as Go's encoder writes them: fields in the order of the Go struct,
 * maps sorted, zero values as the field's tags say, `<`, `>` and `&` escaped.
 *
 * Upstream: Go's encoding/json over the types of k8s.io/api v0.36. What is stored is made here, so
 * the order of keys and the zeros that clients see are upstream's.
 */
import type { Json, JsonObject } from '../meta/object.ts';
import type { FieldSchema, FieldType, TypeSchema } from '../schema/types.ts';
import { escapeHtml } from './html.ts';
import { sortedKeys } from './keys.ts';
import { jsonText } from './known-text.ts';
import { emptinessOf } from './zero.ts';

/** Writes a value. `value` is never undefined or null. */
type Writer = (value: Json) => string;

interface FieldWriter {
  readonly json: string;
  /** `"name":` */
  readonly head: string;
  readonly write: Writer;
  /** The text of an absent field; undefined: it is left out. */
  readonly absent: string | undefined;
  /** Whether `value` counts as empty, so that `omitempty` leaves it out. */
  readonly isEmpty: ((value: Json) => boolean) | undefined;
}

/** The JSON text of an object of `type`. `apiVersion` and `kind` come first, where it has them. */
export function toGoJson(type: TypeSchema, object: object): string {
  // Fields are looked up by name; what the schema does not know is not written.
  return objectWriter(type, false)(object as JsonObject);
}

/**
 * As `toGoJson`, of an object that has been through the store: upstream stores its own types as
 * protobuf, which has no empty lists and maps, so those that are always written come back as null.
 */
export function toStoredGoJson(type: TypeSchema, object: object): string {
  const isProtobuf = type.name.startsWith(PROTOBUF_TYPES);
  return isProtobuf ? objectWriter(type, true)(object as JsonObject) : toGoJson(type, object);
}

/** Definitions of custom resources and of API services are stored as JSON. */
const PROTOBUF_TYPES = 'io.k8s.api.';

const plainWriters = new WeakMap<TypeSchema, Writer>();
const storedWriters = new WeakMap<TypeSchema, Writer>();

/** `stored`: empty lists and maps that are always written are null. */
function objectWriter(type: TypeSchema, stored: boolean): Writer {
  const writers = stored ? storedWriters : plainWriters;
  const known = writers.get(type);
  if (known !== undefined) return known;
  const fields: FieldWriter[] = [];
  const made: Writer =
    type.twoForms !== undefined
      ? writeTwoForms(type, stored)
      : type.preserveUnknownFields === true
        ? (value) => writeOpen(type, fields, value as JsonObject)
        : (value) => writeFields(fields, value as JsonObject);
  // Kept before its parts are made: a type may contain itself.
  writers.set(type, made);
  for (const field of type.fields) fields.push(fieldWriter(field, stored));
  return made;
}

function writeFields(fields: readonly FieldWriter[], object: JsonObject): string {
  let text = '';
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i];
    if (field === undefined) break;
    const value = object[field.json];
    if (value === undefined || value === null) {
      if (field.absent !== undefined)
        text += `${text === '' ? '' : ','}${field.head}${field.absent}`;
    } else if (field.isEmpty === undefined || !field.isEmpty(value)) {
      text += `${text === '' ? '' : ','}${field.head}${field.write(value)}`;
    }
  }
  return `{${text}}`;
}

/** As `writeFields`, then the fields that the schema does not name (CRD). */
function writeOpen(type: TypeSchema, fields: readonly FieldWriter[], object: JsonObject): string {
  const known = writeFields(fields, object).slice(1, -1);
  const others = sortedKeys(object)
    .filter((key) => !type.byJson.has(key))
    .map((key) => `${quote(key)}:${sortedJson(object[key] ?? null)}`);
  return `{${[known, ...others].filter((part) => part !== '').join(',')}}`;
}

/** Any JSON with its keys sorted, as Go writes its maps. */
function sortedJson(value: Json): string {
  if (typeof value !== 'object' || value === null) return anyJson(value);
  if (Array.isArray(value)) return `[${value.map((item) => sortedJson(item ?? null)).join(',')}]`;
  const members = sortedKeys(value).map((key) => `${quote(key)}:${sortedJson(value[key] ?? null)}`);
  return `{${members.join(',')}}`;
}

function fieldWriter(field: FieldSchema, stored: boolean): FieldWriter {
  const { json, type } = field;
  return {
    json,
    head: `${quote(json)}:`,
    write: stored ? nullWhenEmpty(field) : valueWriter(type, stored),
    absent: absentText(field, stored),
    isEmpty: emptinessOf(field),
  };
}

function nullWhenEmpty({ type, pointer }: FieldSchema): Writer {
  const write = valueWriter(type, true);
  if (pointer) return write;
  if (type.kind === 'list')
    return (value) => (Array.isArray(value) && value.length === 0 ? 'null' : write(value));
  if (type.kind !== 'map') return write;
  return (value) => {
    const text = write(value);
    return text === '{}' ? 'null' : text;
  };
}

/** What Go writes when nothing is set; undefined: it leaves the field out. */
function absentText(
  { type, pointer, omitempty, omitzero }: FieldSchema,
  stored: boolean,
): string | undefined {
  if (omitzero) return undefined;
  if (pointer) return omitempty ? undefined : 'null';
  if (type.kind === 'object') return objectWriter(type.type, stored)({});
  if (type.kind !== 'scalar') return omitempty ? undefined : 'null';
  switch (type.scalar) {
    case 'quantity':
      return '"0"';
    case 'duration':
      return '"0s"';
    case 'intOrString':
      return '0';
    case 'time':
    case 'microTime':
    case 'rawExtension':
    case 'fieldsV1':
      return 'null';
    default:
      return omitempty ? undefined : (SCALAR_ZEROS[type.scalar] ?? 'null');
  }
}

const SCALAR_ZEROS: Readonly<Record<string, string>> = {
  string: '""',
  bool: 'false',
  int32: '0',
  int64: '0',
  double: '0',
};

/** All of ASCII that needs no escape, in JSON or in HTML. */
const PLAIN = /^[\x20\x21\x23-\x25\x27-\x3b\x3d\x3f-\x5b\x5d-\x7e]*$/;

/** A JSON string. */
function quote(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : quoteSpecial(text);
}

/** Go has short forms for fewer control characters since 1.22: the same ones as JSON.stringify. */
function quoteSpecial(text: string): string {
  return anyJson(text.isWellFormed() ? text : text.toWellFormed());
}

/** Any JSON as it is. */
function anyJson(value: Json): string {
  return escapeHtml(JSON.stringify(value));
}

function valueWriter(type: FieldType, stored: boolean): Writer {
  switch (type.kind) {
    case 'scalar':
      if (type.scalar === 'fieldsV1') return jsonText;
      return type.scalar === 'any' || type.scalar === 'rawExtension' || type.scalar === 'json'
        ? anyJson
        : (value) => (typeof value === 'string' ? quote(value) : anyJson(value));
    case 'list': {
      const write = valueWriter(type.of, stored);
      return (value) => {
        if (!Array.isArray(value)) return 'null';
        let text = '';
        for (let i = 0; i < value.length; i++) {
          const item = value[i] ?? null;
          text += `${i === 0 ? '' : ','}${item === null ? 'null' : write(item)}`;
        }
        return `[${text}]`;
      };
    }
    case 'map': {
      const write = valueWriter(type.of, stored);
      return (value) => {
        const map = value as JsonObject;
        let text = '';
        for (const key of sortedKeys(map)) {
          const item = map[key] ?? null;
          text += `${text === '' ? '' : ','}${quote(key)}:${item === null ? 'null' : write(item)}`;
        }
        return `{${text}}`;
      };
    }
    case 'object': {
      let write: Writer | undefined;
      return (value) => {
        write ??= objectWriter(type.type, stored);
        return write(value);
      };
    }
  }
}

/** The three types of apiextensions/v1 that are a schema or something simpler. */
function writeTwoForms(type: TypeSchema, stored: boolean): Writer {
  let write: Writer | undefined;
  const schema = type.fields.find((field) => field.json === 'Schema')?.type;
  if (schema === undefined) throw new Error(`Cannot write ${type.name}: no schema member`);
  return (value) => {
    if (typeof value === 'boolean' || typeof value === 'string') return anyJson(value);
    write ??= valueWriter(schema, stored);
    const element = write;
    if (!Array.isArray(value)) return element(value);
    const items = value.map((item) =>
      typeof item === 'string' ? quote(item) : element(item ?? {}),
    );
    return `[${items.join(',')}]`;
  };
}
