/**
 * JSON patches of policies: lists of `JSONPatch{…}`.
 *
 * Source: KEP-3962; upstream admission/plugin/policy/mutating/patch/json_patch.go.
 */
import type { Json, JsonObject } from '#api/meta/object.ts';
import {
  applyJsonPatch,
  JsonPatchError,
  JsonPatchTestFailed,
  parseJsonPatch,
} from '#api/patch/json-patch.ts';
import { typeNameErrors } from '#cel/library/mutation.ts';
import { nativeOf } from '#cel/schema/native.ts';
import { elementsOf, ListValue, MapValue, type Value } from '#cel/value/value.ts';
import { MutationError } from './mutation-error.ts';

/**
 * `before` after the operations of `value`; as it was where a test among them fails. Throws
 * MutationError.
 */
export function applyPatchValue(value: Value, before: JsonObject): JsonObject {
  const operations = value instanceof ListValue ? Array.from(elementsOf(value), operationOf) : [];
  try {
    return applyJsonPatch(before, parseJsonPatch(operations)) as JsonObject;
  } catch (error) {
    if (error instanceof JsonPatchTestFailed) return before;
    if (error instanceof JsonPatchError) throw new MutationError(`JSON Patch: ${error.message}`);
    throw error;
  }
}

function operationOf(patch: Value): Json {
  const field = (name: string): Value | undefined =>
    patch instanceof MapValue ? patch.find(name) : undefined;
  const value = field('value');
  if (value !== undefined) {
    const names = rootedNameErrors(value);
    if (names.length > 0) throw new MutationError(`type mismatch: ${names.join('\n')}`);
  }
  const from = field('from');
  return {
    op: (field('op') ?? '') as string,
    path: (field('path') ?? '') as string,
    ...(from === undefined || from === '' ? {} : { from: from as string }),
    ...(value === undefined ? {} : { value: nativeOf(value) as Json }),
  };
}

/** An object that is put somewhere says itself where it thinks it is. */
function rootedNameErrors(value: Value): readonly string[] {
  return value instanceof MapValue && value.typeName.startsWith('Object')
    ? typeNameErrors(value, value.typeName)
    : [];
}
