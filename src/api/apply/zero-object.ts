/**
 * The empty object of a type, as the first write is compared with.
 *
 * Members that are always there (structs that are no pointers, fields without `omitempty`) are not
 * "added" by a create, and so a creator owns what is in `spec` but not `spec` itself.
 */
import { scalarZero } from '../codec/zero.ts';
import type { Json, JsonObject } from '../meta/object.ts';
import { type FieldSchema, isAlwaysPresent, type TypeSchema } from '../schema/types.ts';

const zeros = new WeakMap<TypeSchema, JsonObject>();

/** Shared and frozen: not to be changed. */
export function zeroObject(type: TypeSchema): JsonObject {
  let zero = zeros.get(type);
  if (zero === undefined) {
    zero = {};
    zeros.set(type, zero);
    for (const field of type.fields) {
      if (isAlwaysPresent(field)) zero[field.json] = zeroValue(field);
    }
    Object.freeze(zero);
  }
  return zero;
}

function zeroValue({ type }: FieldSchema): Json {
  if (type.kind === 'object')
    return type.type.twoForms === undefined ? zeroObject(type.type) : null;
  // Null in Go; a decoded object has them empty.
  if (type.kind !== 'scalar') return type.kind === 'list' ? [] : {};
  // Bytes are a list in Go.
  return type.scalar === 'bytes' ? null : (scalarZero(type.scalar) ?? null);
}
