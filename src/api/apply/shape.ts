/**
 * What field management asks of the schema: for any value, whether it is a leaf, a map of fields
 * or a list with identities.
 *
 * Source: structured-merge-diff v6, schema/elements.go; kube-openapi's conversion of OpenAPI to it.
 */
import type { Json } from '../meta/object.ts';
import {
  type FieldSchema,
  type FieldType,
  type ListType,
  type ScalarType,
  type TypeSchema,
} from '../schema/types.ts';

export interface MapShape {
  /** Declared fields, for an object. */
  readonly fields: ReadonlyMap<string, FieldSchema> | undefined;
  /** The type of undeclared members; undefined when there may be none. */
  readonly others: FieldType | undefined;
  readonly atomic: boolean;
  /** Fields that Go writes as null when nobody has set them (times). */
  readonly nulls?: readonly string[];
}

export interface ListShape {
  readonly relation: 'atomic' | 'set' | 'map';
  /** Sorted; with the value that an element has which leaves the key out. */
  readonly keys: readonly (readonly [name: string, fallback: Json | undefined])[];
  /** The keys as the schema lists them. */
  readonly declaredKeys: readonly string[];
  readonly of: FieldType;
}

/** A value may be of one of several forms where the schema says nothing of it. */
export interface Shape {
  readonly scalar?: 'string' | 'numeric' | 'boolean' | 'untyped';
  readonly list?: ListShape;
  readonly map?: MapShape;
}

/** A custom resource's members without a schema: objects granular, the rest leaves. */
const DEDUCED: FieldType = { kind: 'scalar', scalar: 'any' };
/** Raw JSON: one leaf, whatever is in it. */
const RAW: FieldType = { kind: 'scalar', scalar: 'json' };
const ATOMIC_LIST: ListShape = { relation: 'atomic', keys: [], declaredKeys: [], of: RAW };
const DEDUCED_SHAPE: Shape = {
  scalar: 'untyped',
  list: ATOMIC_LIST,
  map: { fields: undefined, others: DEDUCED, atomic: false },
};
const RAW_SHAPE: Shape = {
  scalar: 'untyped',
  list: ATOMIC_LIST,
  map: { fields: undefined, others: RAW, atomic: true },
};

const shapes = new WeakMap<FieldType, Shape>();
const roots = new WeakMap<TypeSchema, FieldType>();

/** The type of whole objects of `type`. */
export function rootType(type: TypeSchema): FieldType {
  let root = roots.get(type);
  if (root === undefined) {
    root = { kind: 'object', type };
    roots.set(type, root);
  }
  return root;
}

export function shapeOf(type: FieldType): Shape {
  let shape = shapes.get(type);
  if (shape === undefined) {
    shape = makeShape(type);
    shapes.set(type, shape);
  }
  return shape;
}

function makeShape(type: FieldType): Shape {
  switch (type.kind) {
    case 'scalar':
      return scalarShape(type);
    case 'list':
      return { list: listShape(type) };
    case 'map':
      return { map: { fields: undefined, others: type.of, atomic: type.mapType === 'atomic' } };
    case 'object': {
      const { type: schema, structType } = type;
      if (schema.twoForms !== undefined) return RAW_SHAPE;
      const atomic = (structType ?? schema.structType) === 'atomic';
      const others = schema.preserveUnknownFields === true ? DEDUCED : undefined;
      return { map: { fields: schema.byJson, others, atomic, nulls: nullsOf(schema) } };
    }
  }
}

/** Structs in Go, which `omitempty` does not leave out, and null when they are zero. */
const NULL_STRUCTS: ReadonlySet<string> = new Set(['time', 'microTime', 'rawExtension']);

function nullsOf({ fields }: TypeSchema): string[] {
  const isNull = (field: FieldSchema): boolean =>
    !field.omitzero &&
    (field.pointer
      ? !field.omitempty
      : field.type.kind === 'scalar' && NULL_STRUCTS.has(field.type.scalar));
  return fields.filter(isNull).map(({ json }) => json);
}

function scalarShape({ scalar }: ScalarType): Shape {
  switch (scalar) {
    case 'string':
    case 'bytes':
    case 'duration':
      return { scalar: 'string' };
    case 'int32':
    case 'int64':
    case 'double':
      return { scalar: 'numeric' };
    case 'bool':
      return { scalar: 'boolean' };
    case 'any':
      return DEDUCED_SHAPE;
    case 'rawExtension':
    case 'fieldsV1':
    case 'json':
      return RAW_SHAPE;
    default:
      return { scalar: 'untyped' };
  }
}

function listShape({ of, listType = 'atomic', mapKeys = [] }: ListType): ListShape {
  const keys = mapKeys
    .toSorted()
    .map((name): [string, Json | undefined] => [name, keyDefault(of, name)]);
  return { relation: listType, keys, declaredKeys: mapKeys, of };
}

/** The declared default of a key, else the zero value of a field that is always there. */
function keyDefault(of: FieldType, name: string): Json | undefined {
  const field = of.kind === 'object' ? of.type.byJson.get(name) : undefined;
  if (field === undefined) return undefined;
  if (field.default !== undefined) return field.default;
  if (field.pointer || field.omitempty || field.number === 0) return undefined;
  const { scalar } = shapeOf(field.type);
  if (scalar === 'string') return '';
  if (scalar === 'numeric') return 0;
  return scalar === 'boolean' ? false : undefined;
}

/** The type of the member `name`; undefined when the schema does not have it. */
export function memberType(map: MapShape, name: string): FieldType | undefined {
  return map.fields?.get(name)?.type ?? map.others;
}

/** Which of the shape's forms `value` has; null and undefined fit the first there is. */
export function formOf(shape: Shape, value: Json | undefined): 'scalar' | 'list' | 'map' {
  if (value !== null && value !== undefined) {
    if (Array.isArray(value)) {
      if (shape.list !== undefined) return 'list';
    } else if (typeof value === 'object') {
      if (shape.map !== undefined) return 'map';
    } else if (shape.scalar !== undefined) {
      return 'scalar';
    }
  }
  if (shape.map !== undefined) return 'map';
  return shape.scalar === undefined ? 'list' : 'scalar';
}
