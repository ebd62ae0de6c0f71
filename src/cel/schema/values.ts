/**
 * JSON with a schema as CEL values, made only as far as it is read.
 *
 * Upstream: Kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/cel/common/valuesunstructured.go:
 * dates and durations are read from their texts, lists of type set and map compare and add as such,
 * fields that the schema does not name are not there.
 */
import { parseDate, parseDuration, parseTimestamp } from '../value/time.ts';
import { equal } from '../value/equal.ts';
import { isJsonObject } from '../value/json.ts';
import {
  CelError,
  Duration,
  elementsOf,
  ListValue,
  MapValue,
  noSuchOverload,
  Timestamp,
  type Value,
} from '../value/value.ts';
import { escapeName, unescapeName } from './escape.ts';
import { isSameJson, nativeOf } from './native.ts';
import { type CelSchema, isIntOrString, valueSchema, withTypeAndMeta } from './schema.ts';

const invalid = (expected: string): CelError => new CelError(`invalid data, expected ${expected}`);

/** The name of a JSON value's type as upstream prints it. */
function goType(json: unknown): string {
  if (Array.isArray(json)) return '[]interface {}';
  switch (typeof json) {
    case 'string':
      return 'string';
    case 'boolean':
      return 'bool';
    case 'bigint':
      return 'int64';
    case 'number':
      return Number.isInteger(json) ? 'int64' : 'float64';
    default:
      return 'map[string]interface {}';
  }
}

const wholeNumber = (json: unknown): bigint | undefined => {
  if (typeof json === 'bigint') return json;
  return typeof json === 'number' && Number.isInteger(json) ? BigInt(json) : undefined;
};

/** Durations as the format `duration` has them: also in days and weeks. */
function readDuration(text: string): Value {
  const plain = parseDuration(text);
  if (plain !== undefined) return new Duration(plain);
  const match =
    /^(\d+)\s*(d|day|days|w|week|weeks|h|hour|hours|m|min|mins|minute|minutes|s|sec|secs|second|seconds)$/.exec(
      text,
    );
  const hours: Readonly<Record<string, string>> = {
    d: '24h',
    w: '168h',
    h: '1h',
    m: '1m',
    s: '1s',
  };
  const unit = match === null ? undefined : parseDuration(hours[match[2]?.charAt(0) ?? ''] ?? '');
  if (match === null || unit === undefined) {
    return new CelError(`Invalid duration ${text}: time: invalid duration "${text}"`);
  }
  return new Duration(unit * BigInt(match[1] ?? '0'));
}

const BASE_64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function stringValue(json: unknown, format: string | undefined): Value {
  if (typeof json !== 'string') return invalid(`string, got ${goType(json)}`);
  switch (format) {
    case 'duration':
      return readDuration(json);
    case 'date': {
      const time = parseDate(json);
      if (time !== undefined) return new Timestamp(time.nanos);
      return new CelError(`Invalid date formatted string ${json}: parsing time "${json}"`);
    }
    case 'date-time': {
      const time = parseTimestamp(json.replace(/^(.{10})[t ]/, '$1T').replace(/z$/, 'Z'));
      if (time !== undefined) return new Timestamp(time.nanos, time.offsetSeconds);
      return new CelError(`Invalid date-time formatted string ${json}: parsing time "${json}"`);
    }
    case 'byte':
      if (BASE_64.test(json)) return new Uint8Array(Buffer.from(json, 'base64'));
      return new CelError(`Invalid byte formatted string ${json}: illegal base64 data`);
    default:
      return json;
  }
}

function listValue(json: unknown, schema: CelSchema): Value {
  if (!Array.isArray(json)) return invalid('an array for the provided schema with type=array');
  const { items } = schema;
  if (items === undefined) {
    return new CelError('invalid array type, expected Items with a non-empty Schema');
  }
  const listType = schema['x-kubernetes-list-type'];
  switch (listType) {
    case undefined:
    case '':
    case 'atomic':
      return new SchemaList(json, items);
    case 'set':
      return new SetList(json, items);
    case 'map':
      return new MapList(json, items, schema['x-kubernetes-list-map-keys'] ?? []);
    default:
      return new CelError(
        `invalid x-kubernetes-list-type, expected 'map', 'set' or 'atomic' but got ${listType}`,
      );
  }
}

/** What fields that no schema describes are: they only compare. */
class PreservedValue extends MapValue {
  readonly preserved: unknown;

  constructor(preserved: unknown) {
    super();
    this.preserved = preserved;
  }

  override get size(): number {
    return 1;
  }

  override find(): Value | undefined {
    return undefined;
  }

  override keys(): Iterable<Value> {
    return [];
  }

  override equalsOther(other: MapValue): Value {
    const json = other instanceof PreservedValue ? other.preserved : nativeOf(other);
    return isSameJson(this.preserved, json);
  }
}

function untypedValue(json: unknown, schema: CelSchema): Value {
  if (schema['x-kubernetes-preserve-unknown-fields'] === true) return new PreservedValue(json);
  return new CelError(
    `invalid type, expected object, array, number, integer, boolean or string, or no type with x-kubernetes-int-or-string or x-kubernetes-preserve-unknown-fields is true, got ${schema.type ?? ''}`,
  );
}

/** Makes the CEL value of JSON that is not null. */
type Reader = (json: unknown) => Value;

/** How the JSON of one schema is read: found out once for each schema. */
interface Reading {
  readonly read: Reader;
  readonly isNullable: boolean;
}

const readings = new WeakMap<CelSchema, Reading>();

function readingOf(schema: CelSchema): Reading {
  const known = readings.get(schema);
  if (known !== undefined) return known;
  const reading = { read: readerOf(schema), isNullable: schema.nullable === true };
  readings.set(schema, reading);
  return reading;
}

const unexpectedNull = (): CelError =>
  new CelError('invalid data, got null for schema with nullable=false');

function valueBy({ read, isNullable }: Reading, json: unknown): Value {
  if (json !== null && json !== undefined) return read(json);
  return isNullable ? null : unexpectedNull();
}

/** The CEL value of JSON that a schema describes; an error where the two do not agree. */
export const schemaValue = (json: unknown, schema: CelSchema): Value =>
  valueBy(readingOf(schema), json);

/** The same for a whole resource, which has a kind and a name whatever its schema says. */
export const resourceValue = (json: unknown, schema: CelSchema): Value =>
  schemaValue(json, withTypeAndMeta(schema));

const readIntOrString: Reader = (json) => {
  if (typeof json === 'string') return json;
  return wholeNumber(json) ?? invalid('XIntOrString value to be either a string or integer');
};

const readNumber: Reader = (json) => {
  if (typeof json === 'number' || typeof json === 'bigint') return Number(json);
  return invalid(`float, got ${goType(json)}`);
};

const readInteger: Reader = (json) => wholeNumber(json) ?? invalid(`int, got ${goType(json)}`);

const readBoolean: Reader = (json) =>
  typeof json === 'boolean' ? json : invalid(`bool, got ${goType(json)}`);

function readerOf(schema: CelSchema): Reader {
  if (isIntOrString(schema)) return readIntOrString;
  switch (schema.type) {
    case 'object': {
      const shape = shapeOf(schema);
      return (json) => {
        if (isJsonObject(json)) return new SchemaMap(json, shape);
        return invalid('a map for the provided schema with type=object');
      };
    }
    case 'array':
      return (json) => listValue(json, schema);
    case 'string':
      return (json) => stringValue(json, schema.format);
    case 'number':
      return readNumber;
    case 'integer':
      return readInteger;
    case 'boolean':
      return readBoolean;
    default:
      return (json) => untypedValue(json, schema);
  }
}

/** A field of an object: the property that it is, and the schema of its value. */
interface Field {
  readonly property: string;
  readonly identifier: string;
  readonly reading: Reading;
  /** Objects of JavaScript have a property of this name anyway. */
  readonly isInherited: boolean;
}

/** What a map or an object holds. */
interface Shape {
  /** Of objects: fields by their properties; undefined for maps. */
  readonly properties: ReadonlyMap<string, Field> | undefined;
  /** The same by their identifiers. */
  readonly identifiers: ReadonlyMap<string, Field>;
  /** Of maps: how their values are read. */
  readonly values: Reading | undefined;
}

function shapeOf(schema: CelSchema): Shape {
  const isResource = schema['x-kubernetes-embedded-resource'] === true;
  const { properties } = isResource ? withTypeAndMeta(schema) : schema;
  if (properties === undefined) {
    const values = valueSchema(schema);
    return {
      properties: undefined,
      identifiers: new Map(),
      values: values === undefined ? undefined : readingOf(values),
    };
  }
  const fields = Object.entries(properties).map(([property, child]): Field => {
    const identifier = escapeName(property) ?? property;
    return {
      property,
      identifier,
      reading: readingOf(child),
      isInherited: property in Object.prototype,
    };
  });
  return {
    properties: new Map(fields.map((field) => [field.property, field])),
    identifiers: new Map(fields.map((field) => [field.identifier, field])),
    values: undefined,
  };
}

class SchemaMap extends MapValue {
  override readonly json: Readonly<Record<string, unknown>>;
  readonly #shape: Shape;

  constructor(json: Readonly<Record<string, unknown>>, shape: Shape) {
    super();
    this.json = json;
    this.#shape = shape;
  }

  override get size(): number {
    return Object.keys(this.json).length;
  }

  /** Whether the schema names a property. */
  #hasProperty(property: string): boolean {
    const { properties, values } = this.#shape;
    return properties === undefined ? values !== undefined : properties.has(property);
  }

  #entry(key: string): Value | undefined {
    const { values } = this.#shape;
    if (values === undefined || !Object.hasOwn(this.json, key)) return undefined;
    return valueBy(values, this.json[key]);
  }

  override find(key: Value): Value | undefined {
    if (typeof key !== 'string') return noSuchOverload();
    if (this.#shape.properties === undefined) return this.#entry(key);
    const field = this.#shape.identifiers.get(key) ?? this.#fieldByProperty(key);
    if (field === undefined) return undefined;
    if (field.isInherited && !Object.hasOwn(this.json, field.property)) return undefined;
    const json = this.json[field.property];
    return json === null || json === undefined ? undefined : field.reading.read(json);
  }

  /** A field by a name that unescapes to it, as `namespace` does to itself. */
  #fieldByProperty(key: string): Field | undefined {
    const property = unescapeName(key);
    return property === undefined ? undefined : this.#shape.properties?.get(property);
  }

  override *keys(): Iterable<Value> {
    const { properties } = this.#shape;
    for (const property of Object.keys(this.json)) {
      if (!this.#hasProperty(property)) continue;
      yield properties?.get(property)?.identifier ?? property;
    }
  }

  override equalsOther(other: MapValue): Value {
    if (this.size !== other.size) return false;
    for (const [property, json] of Object.entries(this.json)) {
      if (!this.#hasProperty(property)) {
        if (!(other instanceof SchemaMap)) return noSuchOverload();
        if (!Object.hasOwn(other.json, property)) continue;
        if (!isSameJson(json, other.json[property])) return false;
        continue;
      }
      const identifier = this.#shape.properties?.get(property)?.identifier ?? property;
      const [left, right] = [this.find(identifier), other.find(identifier)];
      if (left === undefined && right === undefined) continue;
      if (left === undefined || right === undefined) return false;
      const outcome = equal(left, right);
      if (outcome !== true) return outcome;
    }
    return true;
  }
}

class SchemaList extends ListValue {
  override readonly json: readonly unknown[];
  protected readonly items: CelSchema;
  readonly #reading: Reading;

  constructor(json: readonly unknown[], items: CelSchema) {
    super();
    this.json = json;
    this.items = items;
    this.#reading = readingOf(items);
  }

  override get size(): number {
    return this.json.length;
  }

  override at(index: number): Value {
    return valueBy(this.#reading, this.json[index]);
  }
}

/** JSON as a key of a map: equal pieces have equal keys. */
function keyText(json: unknown): string {
  if (typeof json !== 'object' || json === null) return `${typeof json}:${String(json)}`;
  const entries = Object.entries(json).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `${Array.isArray(json)}${entries.map(([key, value]) => `${key}=${keyText(value)}`).join()}`;
}

/** A list of type set: the order does not count, and what is there is not added again. */
class SetList extends SchemaList {
  override equalsOther(other: ListValue): Value {
    if (this.size !== other.size) return false;
    const keys = new Set(this.json.map(keyText));
    for (const element of elementsOf(other)) {
      if (element instanceof CelError) return element;
      if (!keys.has(keyText(nativeOf(element)))) return false;
    }
    return true;
  }

  override plus(other: ListValue): Value {
    const merged = [...this.json];
    const keys = new Set(merged.map(keyText));
    for (const element of elementsOf(other)) {
      if (element instanceof CelError) return element;
      const json = nativeOf(element);
      const key = keyText(json);
      if (!keys.has(key)) merged.push(json);
      keys.add(key);
    }
    return new SetList(merged, this.items);
  }
}

/** A list of type map: elements are told apart by their keys, and what is added replaces. */
class MapList extends SchemaList {
  readonly #keyNames: readonly string[];

  constructor(json: readonly unknown[], items: CelSchema, keyNames: readonly string[]) {
    super(json, items);
    this.#keyNames = keyNames;
  }

  #keyOf(json: unknown): string {
    if (!isJsonObject(json)) return keyText(json);
    return this.#keyNames.map((name) => keyText(json[name])).join('\0');
  }

  override equalsOther(other: ListValue): Value {
    if (this.size !== other.size) return false;
    const byKey = new Map(this.json.map((json) => [this.#keyOf(json), json]));
    for (const element of elementsOf(other)) {
      if (element instanceof CelError) return element;
      const json = byKey.get(this.#keyOf(nativeOf(element)));
      if (json === undefined) return false;
      const outcome = equal(schemaValue(json, this.items), element);
      if (outcome !== true) return outcome;
    }
    return true;
  }

  override plus(other: ListValue): Value {
    const merged = [...this.json];
    const places = new Map(merged.map((json, index) => [this.#keyOf(json), index]));
    for (const element of elementsOf(other)) {
      if (element instanceof CelError) return element;
      const json = nativeOf(element);
      const place = places.get(this.#keyOf(json));
      if (place === undefined) merged.push(json);
      else merged[place] = json;
    }
    return new MapList(merged, this.items, this.#keyNames);
  }
}
