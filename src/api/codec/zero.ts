/**
 * Go's zero values: what a decoded object holds for a field that nobody set.
 *
 * Fields that Go always writes are filled in after decoding, so that the generated interfaces tell
 * the truth: scalars, lists and maps without `omitempty`, and structs that are no pointers. Times
 * and raw JSON stay absent (Go's form is null), and so do scalars with `omitempty`.
 */
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
    case 'scalar':
      return scalarZero(type.scalar);
  }
}

function scalarZero(scalar: string): (() => Json) | undefined {
  switch (scalar) {
    case 'string':
    case 'bytes':
      return () => '';
    case 'bool':
      return () => false;
    case 'int32':
    case 'int64':
    case 'double':
    case 'intOrString':
      return () => 0;
    case 'quantity':
      return () => '0';
    case 'duration':
      return () => '0s';
    default:
      return undefined;
  }
}
