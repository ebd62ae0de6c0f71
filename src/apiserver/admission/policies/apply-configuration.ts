/**
 * Apply configurations of policies: objects laid over the one of the request, as a server-side apply
 * does, but that nobody owns what they add.
 *
 * Source: KEP-3962; upstream admission/plugin/policy/mutating/patch/smd.go.
 */
import { mergeValues } from '#api/apply/merge.ts';
import { elementText, fieldElement } from '#api/apply/path-element.ts';
import { formOf, rootType, shapeOf } from '#api/apply/shape.ts';
import { errorsText, validateValue } from '#api/apply/validate.ts';
import type { AnyKind } from '#api/kind.ts';
import { isJsonObject } from '#api/meta/json.ts';
import { apiVersionOf, type Json, type JsonObject } from '#api/meta/object.ts';
import { fieldTypeOf } from '#api/schema/kind-types.ts';
import type { FieldType } from '#api/schema/types.ts';
import { typeNameErrors } from '#cel/library/mutation.ts';
import { nativeOf } from '#cel/schema/native.ts';
import type { Value } from '#cel/value/value.ts';
import { MutationError } from './mutation-error.ts';

/**
 * `before`, which is of `kind`, with the `Object{…}` laid over it. Changes neither. Throws
 * MutationError.
 */
export function applyConfiguration(value: Value, before: JsonObject, kind: AnyKind): JsonObject {
  const names = typeNameErrors(value);
  if (names.length > 0) throw new MutationError(`type mismatch: ${names.join('\n')}`);
  const fail = (cause: string): never => {
    throw new MutationError(`error applying patch: ${cause}`);
  };
  const applied = {
    ...(nativeOf(value) as JsonObject),
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
  };
  const type = rootType(fieldTypeOf(kind));
  const wrong = validateValue(type, applied);
  if (wrong.length > 0)
    fail(`failed to convert patch object to typed object: ${errorsText(wrong)}`);
  const atomics = atomicsOf(type, applied);
  if (atomics.length > 0)
    fail(
      `invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: ${atomics.join(', ')}`,
    );
  const odd = validateValue(type, before, { allowDuplicates: true });
  if (odd.length > 0) fail(`failed to convert original object to typed object: ${errorsText(odd)}`);
  return mergeValues(type, before, applied) as JsonObject;
}

/**
 * The paths of what is replaced as a whole: who names a part of it would lose the others without
 * knowing. Members of maps are not looked at, as upstream's are not.
 */
function atomicsOf(type: FieldType, value: Json | undefined, path = ''): readonly string[] {
  const shape = shapeOf(type);
  const form = formOf(shape, value);
  const { map, list } = shape;
  if (form === 'map' && map !== undefined && isJsonObject(value)) {
    const within = Object.entries(value).flatMap(([name, member]) => {
      const field = map.fields?.get(name);
      return field === undefined
        ? []
        : atomicsOf(field.type, member, path + elementText(fieldElement(name)));
    });
    return map.atomic ? [path, ...within] : within;
  }
  if (form === 'list' && list !== undefined && Array.isArray(value)) {
    const within = value.flatMap((item, index) => atomicsOf(list.of, item, `${path}[${index}]`));
    return list.relation === 'atomic' ? [path, ...within] : within;
  }
  return [];
}
