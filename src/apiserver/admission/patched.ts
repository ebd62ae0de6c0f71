/** What somebody has made of the object of a request, as such an object again. */
import type { AnyKind } from '#api/kind.ts';
import { equalJson } from '#api/meta/equal.ts';
import type { JsonObject } from '#api/meta/object.ts';
import { documentTypeOf } from '#api/schema/kind-types.ts';
import type { ApiObject } from '../api-object.ts';
import { decodeParsed } from '../verbs/decode.ts';
import type { FieldValidation } from '../verbs/options.ts';
import { asJson } from './matching/versions.ts';

export interface Patched {
  readonly object: ApiObject;
  /** Whether it differs from what it was, defaults apart. */
  readonly changed: boolean;
}

/**
 * `value` as an object of `kind`, with defaults; `before` is what it was. Throws what decoding
 * throws. `validation`: of fields that the kind does not have.
 */
export function patchedObject(
  value: JsonObject,
  before: JsonObject,
  { kind, validation }: { readonly kind: AnyKind; readonly validation: FieldValidation },
): Patched {
  const object = decodeParsed(
    { warn: () => {} },
    { value, kind, type: documentTypeOf(kind), validation, withoutDefaults: true },
  );
  const changed = !equalJson(asJson(object, kind), before);
  kind.setDefaults?.(object);
  return { object, changed };
}
