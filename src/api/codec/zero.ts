/**
 * Go's zero values: what a decoded object holds for a field that nobody set.
 *
 * Fields that Go always writes are filled in after decoding, so that the generated interfaces tell
 * the truth: scalars, lists and maps without `omitempty`, and structs that are no pointers. Times
 * and raw JSON stay absent (Go's form is null), and so do scalars with `omitempty`: of those a zero
 * that was sent cannot be told from nothing, and is dropped.
 */
import { noteSentEmpty } from '../meta/json.ts';
import type { Json, JsonObject } from '../meta/object.ts';
import {
  type FieldSchema,
  type FieldType,
  isAlwaysPresent,
  type TypeSchema,
} from '../schema/types.ts';

interface Filler {
  readonly json: string;
  readonly make: () => Json;
}

const fillers = new WeakMap<TypeSchema, readonly Filler[]>();

/** Sets what Go would have set and `object` lacks. */
export function fillZeros(type: TypeSchema, object: JsonObject): void {
  let list = fillers.get(type);
  if (list === undefined) {
    list = type.fields.flatMap(fillerOf);
    fillers.set(type, list);
  }
  for (const { json, make } of list) {
    if (object[json] === undefined) object[json] = make();
  }
}

function fillerOf(field: FieldSchema): Filler[] {
  if (!isAlwaysPresent(field)) return [];
  const make = zeroMaker(field.type);
  return make === undefined ? [] : [{ json: field.json, make }];
}

/** Makes the zero value of a type; undefined where Go writes null. */
export function zeroMaker(type: FieldType): (() => Json) | undefined {
  switch (type.kind) {
    case 'list':
      return () => [];
    case 'map':
      return () => ({});
    case 'object':
      if (type.type.twoForms !== undefined) return undefined;
      return () => {
        const object: JsonObject = {};
        fillZeros(type.type, object);
        return object;
      };
    case 'scalar': {
      const zero = scalarZero(type.scalar);
      return zero === undefined ? undefined : () => zero;
    }
  }
}

/** The zero value of a scalar; undefined where Go writes null. */
export function scalarZero(scalar: string): Json | undefined {
  switch (scalar) {
    case 'string':
    case 'bytes':
      return '';
    case 'bool':
      return false;
    case 'int32':
    case 'int64':
    case 'double':
    case 'intOrString':
      return 0;
    case 'quantity':
      return '0';
    case 'duration':
      return '0s';
    default:
      return undefined;
  }
}

/**
 * Tells whether `omitempty` leaves a value of the field out; undefined when it never does. Structs
 * and what Go holds as structs are never empty, and a pointer to zero is something.
 */
export function emptinessOf({
  type,
  pointer,
  omitempty,
}: FieldSchema): ((value: Json) => boolean) | undefined {
  if (!omitempty || pointer) return undefined;
  if (type.kind === 'list') return (value) => Array.isArray(value) && value.length === 0;
  if (type.kind === 'map') return isEmptyMap;
  return type.kind === 'scalar' && SMALL.has(type.scalar) ? isSmallZero : undefined;
}

/**
 * Takes lists and maps out of `object` that are empty and that `omitempty` leaves out: what is
 * stored lacks them, and so nobody owns them. After defaults, which may tell empty from absent.
 */
export function forgetEmpty(type: TypeSchema, object: object): void {
  const members = object as JsonObject;
  for (const key of Object.keys(members)) {
    const field = type.byJson.get(key);
    const value = members[key];
    if (field === undefined || value === undefined || isToldApart(field)) continue;
    if (emptinessOf(field)?.(value) === true) {
      delete members[key];
      noteSentEmpty(members, key);
    } else forgetIn(field.type, value);
  }
}

/** A schema's `dependencies` are refused even when there are none. */
function isToldApart({ type }: FieldSchema): boolean {
  return type.kind === 'map' && type.of.kind === 'object' && type.of.type.twoForms !== undefined;
}

function forgetIn(type: FieldType, value: Json): void {
  if (typeof value !== 'object' || value === null || type.kind === 'scalar') return;
  if (type.kind === 'list') {
    if (Array.isArray(value)) for (const item of value) forgetIn(type.of, item);
  } else if (Array.isArray(value)) return;
  else if (type.kind === 'object') forgetEmpty(type.type, value);
  else for (const item of Object.values(value)) if (item !== undefined) forgetIn(type.of, item);
}

const SMALL: ReadonlySet<string> = new Set(['string', 'bytes', 'bool', 'int32', 'int64', 'double']);

function isSmallZero(value: Json): boolean {
  return value === '' || value === false || value === 0;
}

export function isEmptyMap(value: Json): boolean {
  for (const _ in value as JsonObject) return false;
  return true;
}
