/** Decoders of parsed JSON made of schemas; see `json.ts`. */
import { markSent } from '../meta/json.ts';
import type { Json, JsonObject } from '../meta/object.ts';
import { type FieldType, isInline, type ScalarKind, type TypeSchema } from '../schema/types.ts';
import { base64Problem } from './base64.ts';
import { DurationError, formatDuration, parseDuration } from './duration.ts';
import { canonicalQuantity, QuantityError, roundedQuantity } from './quantity.ts';
import { canonicalMicroTime, canonicalTime, TimeError } from './time.ts';
import { emptinessOf, fillZeros, isEmptyMap, zeroMaker } from './zero.ts';

/** Input that cannot become the type asked for. The message is upstream's. */
export class FieldDecodeError extends Error {
  /** Not even JSON. Upstream words the Status otherwise then: it could not read the kind. */
  readonly malformed: boolean;
  constructor(message: string, malformed = false) {
    super(message);
    this.name = 'FieldDecodeError';
    this.malformed = malformed;
  }
}

/** Marks in the path a struct whose fields stand in the one around it: only type errors name it. */
const EMBEDDED = '\u0001';
/** Marks a map key in the path: Go's type errors name fields alone, its strict errors name both. */
const MAP_KEY = '\0';

export class DecodeContext {
  /** Whether unknown fields are reported. */
  readonly strict: boolean;
  readonly problems: string[] = [];
  /** Keys met, in everything. Counted only when strict, and in a text. */
  keys = 0;
  /** Whether a list or map was sent that `omitempty` leaves out once defaults are set. */
  hasEmpty = false;
  /** Fields, map keys (marked) and list indexes from the root to the value being decoded. */
  readonly path: (string | number)[] = [];
  /** Go's name of the struct whose field is being decoded. */
  struct = '';

  /** So many keys are in the text; 0 when they are not to be counted. */
  readonly #textKeys: number;

  /** `textKeys`: how many keys the text has, of which some may have come twice. */
  constructor(strict: boolean, textKeys = 0) {
    this.strict = strict;
    this.#textKeys = strict ? textKeys : 0;
  }

  /** Counts the keys in a value that is not decoded further, unless all have been met already. */
  count(value: unknown): void {
    if (this.keys < this.#textKeys) this.keys += countKeys(value);
  }

  /** Counts the keys of an object, before those of its members. */
  countOwn(object: JsonObject): void {
    if (this.keys >= this.#textKeys) return;
    for (const _ in object) this.keys++;
  }

  /** Go decodes types of two forms by code of their own, which knows nothing of strictness. */
  lenient(value: unknown): DecodeContext {
    if (!this.strict) return this;
    this.count(value);
    const context = new DecodeContext(false);
    context.path.push(...this.path);
    context.struct = this.struct;
    // What is empty below is looked for as if there were some.
    this.hasEmpty = true;
    return context;
  }

  unknown(key: string, value: unknown): void {
    if (!this.strict) return;
    this.count(value);
    let text = '';
    for (const part of [...this.path, key]) {
      if (typeof part === 'number') text += `[${part}]`;
      else if (part.startsWith(EMBEDDED)) continue;
      else text += `${text === '' ? '' : '.'}${part.startsWith(MAP_KEY) ? part.slice(1) : part}`;
    }
    this.problems.push(`unknown field "${text}"`);
  }

  /** Go's error for a value of the wrong type. `what`: `string`, `number 1.5`, `bool`, … */
  wrongType(what: string, goType: string): FieldDecodeError {
    const fields = this.path.filter(
      (part) => typeof part === 'string' && !part.startsWith(MAP_KEY),
    );
    const names = fields.map((field) => String(field).replace(EMBEDDED, '')).join('.');
    const target = names === '' ? 'Go value' : `Go struct field ${this.struct}.${names}`;
    return new FieldDecodeError(`json: cannot unmarshal ${what} into ${target} of type ${goType}`);
  }
}

function countKeys(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) count += countKeys(value[i]);
    return count;
  }
  // JSON inherits nothing; this makes no list of a million empty objects' keys.
  for (const key in value) count += 1 + countKeys((value as Record<string, unknown>)[key]);
  return count;
}

/** The value as objects hold it; undefined: absent. `value` is never null. */
type Decoder = (value: unknown, context: DecodeContext) => Json | undefined;

export interface ObjectDecoder {
  /** Decodes a document. Throws FieldDecodeError when it is no object. */
  root(value: unknown, context: DecodeContext): JsonObject;
  decode: Decoder;
}

const objectDecoders = new WeakMap<TypeSchema, ObjectDecoder>();

export function objectDecoderFor(type: TypeSchema): ObjectDecoder {
  const known = objectDecoders.get(type);
  if (known !== undefined) return known;
  const fields = new Map<string, FieldDecoder>();
  const decode: Decoder = (value, context) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw context.wrongType(typeWord(value), type.goType);
    }
    return decodeFields({ type, fields }, value as JsonObject, context);
  };
  const made: ObjectDecoder = {
    decode,
    root: (value, context) => decode(value, context) as JsonObject,
  };
  // Kept before its parts are made: a type may contain itself.
  objectDecoders.set(type, made);
  const embedded = embeddedIn(type);
  for (const field of type.fields) {
    fields.set(field.json, {
      embedded: embedded.get(field.json) ?? [],
      decode: valueDecoder(field.type),
      isEmpty: emptinessOf(field),
      forgets: field.type.kind === 'scalar',
    });
  }
  return made;
}

/** By JSON name, the structs between `type` and fields that it has of others. */
function embeddedIn(type: TypeSchema): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  const visit = ({ members }: TypeSchema, around: readonly string[]): void => {
    for (const member of members) {
      if (isInline(member)) visit(member.type, [...around, `${EMBEDDED}${member.type.goName}`]);
      else if (around.length > 0 && !found.has(member.json)) found.set(member.json, around);
    }
  };
  visit(type, []);
  return found;
}

interface FieldDecoder {
  readonly decode: Decoder;
  readonly embedded: readonly string[];
  /** Whether Go does not write the value. */
  readonly isEmpty: ((value: Json) => boolean) | undefined;
  /** Whether it cannot even tell it from nothing; a list or map that is empty it can. */
  readonly forgets: boolean;
}

/** Decodes in place, but for objects that lose a key: those are made anew. */
function decodeFields(
  {
    type,
    fields,
  }: { readonly type: TypeSchema; readonly fields: ReadonlyMap<string, FieldDecoder> },
  object: JsonObject,
  context: DecodeContext,
): JsonObject {
  let losesKeys = false;
  context.countOwn(object);
  for (const key in object) {
    const field = fields.get(key);
    const value = object[key];
    if (field === undefined) {
      if (type.preserveUnknownFields === true) {
        context.count(value);
        continue;
      }
      context.unknown(key, value);
      losesKeys = true;
      // Marked for the copy below. The key exists, so not even __proto__ reaches the prototype.
      object[key] = null;
      continue;
    }
    if (value === null || value === undefined) {
      losesKeys = true;
      continue;
    }
    const depth = context.path.length;
    if (field.embedded.length > 0) context.path.push(...field.embedded);
    context.path.push(key);
    context.struct = type.goName;
    const decoded = field.decode(value, context);
    context.path.length = depth;
    const isEmpty = decoded !== undefined && field.isEmpty?.(decoded) === true;
    if (isEmpty) context.hasEmpty = true;
    const isKept = decoded !== undefined && !(isEmpty && field.forgets);
    if (!isKept) losesKeys = true;
    if (decoded !== value || !isKept) object[key] = isKept ? decoded : null;
  }
  const result = losesKeys ? withoutNulls(type, object) : object;
  fillZeros(type, result);
  return result;
}

function withoutNulls(type: TypeSchema, object: JsonObject): JsonObject {
  const kept: JsonObject = {};
  for (const key in object) {
    const value = object[key];
    const isNullable =
      type.preserveUnknownFields === true || type.byJson.get(key)?.nullable === true;
    if (key !== '__proto__' && value !== undefined && (value !== null || isNullable))
      kept[key] = value;
  }
  return kept;
}

function valueDecoder(type: FieldType): Decoder {
  switch (type.kind) {
    case 'scalar':
      return scalarDecoder(type.scalar, goTypeOf(type));
    case 'list':
      return listDecoder(type.of, goTypeOf(type));
    case 'map':
      return mapDecoder(type.of, goTypeOf(type));
    case 'object':
      return nestedDecoder(type);
  }
}

/** The type as Go prints it. */
function goTypeOf(type: FieldType): string {
  switch (type.kind) {
    case 'scalar':
      return type.goType ?? PLAIN_GO_TYPES[type.scalar] ?? type.scalar;
    case 'list':
      return type.goType ?? `[]${goTypeOf(type.of)}`;
    case 'map':
      return type.goType ?? `map[string]${goTypeOf(type.of)}`;
    case 'object':
      return type.type.goType;
  }
}

const PLAIN_GO_TYPES: Readonly<Partial<Record<ScalarKind, string>>> = {
  double: 'float64',
  bytes: '[]uint8',
  quantity: 'resource.Quantity',
  time: 'v1.Time',
  microTime: 'v1.MicroTime',
  intOrString: 'intstr.IntOrString',
  rawExtension: 'runtime.RawExtension',
  fieldsV1: 'v1.FieldsV1',
};

/** Go's word for what stands in the JSON. */
function typeWord(value: unknown): string {
  if (typeof value === 'boolean') return 'bool';
  return Array.isArray(value) ? 'array' : typeof value;
}

function nestedDecoder(type: { readonly type: TypeSchema }): Decoder {
  let inner: Decoder | undefined;
  return (value, context) => {
    inner ??=
      type.type.twoForms === undefined ? objectDecoderFor(type.type).decode : twoForms(type.type);
    return inner(value, context);
  };
}

function listDecoder(of: FieldType, goType: string): Decoder {
  const decode = valueDecoder(of);
  const zero = zeroMaker(of);
  return (value, context) => {
    if (!Array.isArray(value)) throw context.wrongType(typeWord(value), goType);
    if (value.length === 0) return markSent(value);
    const { struct } = context;
    for (let i = 0; i < value.length; i++) {
      const item: unknown = value[i];
      if (item === null || item === undefined) {
        value[i] = zero?.() ?? null;
        continue;
      }
      context.path.push(i);
      const decoded = decode(item, context);
      context.path.pop();
      context.struct = struct;
      if (decoded !== item) value[i] = decoded ?? null;
    }
    return value as Json[];
  };
}

const RESOURCE_LIST = 'v1.ResourceList';

function mapDecoder(of: FieldType, goType: string): Decoder {
  const decode = goType === RESOURCE_LIST ? resourceAmount : valueDecoder(of);
  const zero = zeroMaker(of);
  return (value, context) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw context.wrongType(typeWord(value), goType);
    }
    const map = value as JsonObject;
    if (isEmptyMap(map)) return markSent(map);
    const { struct } = context;
    context.countOwn(map);
    for (const key in map) {
      const item = map[key];
      if (item === null || item === undefined) {
        map[key] = zero?.() ?? null;
        continue;
      }
      context.path.push(`${MAP_KEY}${key}`);
      const decoded = decode(item, context);
      context.path.pop();
      context.struct = struct;
      if (decoded !== item) map[key] = decoded ?? null;
    }
    return map;
  };
}

/** The overhead of a RuntimeClass, whose group has no defaults. */
const NOT_ROUNDED = 'Overhead';

/** Amounts are rounded up to thousandths. Upstream: pkg/apis/core/v1/defaults.go, ResourceList. */
const resourceAmount: Decoder = (value, { struct }) =>
  reading(() => {
    const amount = canonicalQuantity(quantityText(value));
    return struct === NOT_ROUNDED ? amount : roundedQuantity(amount);
  });

/** Anything but a number or a text becomes what no quantity is. */
function quantityText(value: unknown): string | number {
  return typeof value === 'number' || typeof value === 'string' ? value : '!';
}

/** Runs a reader of text; its errors carry no field in upstream either. */
function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    const isOurs = [QuantityError, TimeError, DurationError].some((type) => error instanceof type);
    throw isOurs && error instanceof Error ? new FieldDecodeError(error.message) : error;
  }
}

function scalarDecoder(scalar: ScalarKind, goType: string): Decoder {
  switch (scalar) {
    case 'string':
      return (value, context) => {
        if (typeof value !== 'string') throw context.wrongType(typeWord(value), goType);
        return value;
      };
    case 'bool':
      return (value, context) => {
        if (typeof value !== 'boolean') throw context.wrongType(typeWord(value), goType);
        return value;
      };
    case 'int32':
    case 'int64':
      return integerDecoder(scalar === 'int32' ? 2 ** 31 : 2 ** 63, goType);
    case 'double':
      return (value, context) => {
        if (typeof value !== 'number') throw context.wrongType(typeWord(value), goType);
        if (!Number.isFinite(value)) throw context.wrongType(`number ${value}`, goType);
        return value;
      };
    case 'bytes':
      return decodeBytes;
    case 'intOrString': {
      const integer = integerDecoder(2 ** 31, 'int32');
      return (value, context) => (typeof value === 'string' ? value : integer(value, context));
    }
    case 'quantity':
      return (value) => reading(() => canonicalQuantity(quantityText(value)));
    case 'time':
      return textDecoder((text) => canonicalTime(text));
    case 'microTime':
      return textDecoder((text) => canonicalMicroTime(text));
    case 'duration':
      return textDecoder((text) => formatDuration(parseDuration(text)));
    default:
      return (value, context) => {
        context.count(value);
        return value as Json;
      };
  }
}

function integerDecoder(limit: number, goType: string): Decoder {
  return (value, context) => {
    if (typeof value !== 'number') throw context.wrongType(typeWord(value), goType);
    if (
      !Number.isInteger(value) ||
      value < -limit ||
      value > limit ||
      (limit < 2 ** 53 && value === limit)
    ) {
      throw context.wrongType(`number ${value}`, goType);
    }
    return value;
  };
}

function textDecoder(read: (text: string) => string | undefined): Decoder {
  return (value, context) => {
    if (typeof value !== 'string') throw context.wrongType(typeWord(value), 'string');
    return reading(() => read(value));
  };
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Base64 with padding; line breaks are let through and dropped, as Go does. */
const decodeBytes: Decoder = (value, context) => {
  if (typeof value !== 'string') throw context.wrongType(typeWord(value), '[]uint8');
  if (BASE64.test(value)) return value;
  const text = value.replace(/[\r\n]/g, '');
  if (BASE64.test(text)) return text;
  throw new FieldDecodeError(base64Problem(value) ?? 'illegal base64 data');
};

/** The three types of apiextensions/v1 that are a schema or something simpler. */
function twoForms(type: TypeSchema): Decoder {
  const schema = type.fields.find((field) => field.json === 'Schema')?.type;
  if (schema?.kind !== 'object') throw new Error(`Cannot decode ${type.name}: no schema member`);
  const asSchema = valueDecoder(schema);
  const list: FieldType =
    type.twoForms === 'schemaOrArray'
      ? { kind: 'list', of: schema }
      : { kind: 'list', of: { kind: 'scalar', scalar: 'string' } };
  const asList = valueDecoder(list);
  return (value, given) => {
    const context = given.lenient(value);
    if (type.twoForms !== 'schemaOrBool') {
      return Array.isArray(value) ? asList(value, context) : asSchema(value, context);
    }
    if (typeof value === 'boolean') return value;
    if (typeof value === 'object' && !Array.isArray(value)) return asSchema(value, context);
    throw new FieldDecodeError('boolean or JSON schema expected');
  };
}
