/**
 * Objects of a request in the version in which somebody wants them, as JSON that Go would write:
 * what patches and expressions are written for.
 */
import { toGoJson } from '#api/codec/canonical.ts';
import type { AnyKind } from '#api/kind.ts';
import { cloneJson } from '#api/meta/json.ts';
import { apiVersionOf, type JsonObject } from '#api/meta/object.ts';
import { documentTypeOf } from '#api/schema/kind-types.ts';
import type { ApiObject } from '../../api-object.ts';
import { inVersion } from '../../verbs/foreign-versions.ts';

/** `object`, which is of kind `from`, as `to`. Changes nothing; throws what a conversion throws. */
export async function shownAs(
  object: ApiObject | undefined,
  from: AnyKind,
  to: AnyKind,
): Promise<JsonObject | undefined> {
  if (object === undefined) return undefined;
  const converted = from === to ? object : await inVersion(object, from, to);
  return asJson(converted as ApiObject, to);
}

/** `object` of `kind` as the JSON that upstream's server writes. */
export function asJson(object: ApiObject, kind: AnyKind): JsonObject {
  if (kind.custom !== undefined) return cloneJson(object as unknown as JsonObject);
  const json = JSON.parse(toGoJson(documentTypeOf(kind), object)) as JsonObject;
  return { kind: kind.kind, apiVersion: apiVersionOf(kind), ...json };
}

/** Both objects of a request as a kind. */
export interface ShownObjects {
  readonly object: JsonObject | undefined;
  readonly old: JsonObject | undefined;
}

/**
 * Shows the objects of a request, which are of kind `own`, as other kinds; each version is made
 * once. What it answers throws what a conversion throws.
 */
export function shownInVersions(
  { object, old }: { readonly object?: ApiObject; readonly old?: ApiObject },
  own: AnyKind,
): (kind: AnyKind) => Promise<ShownObjects> {
  const made = new Map<AnyKind, Promise<ShownObjects>>();
  return (kind) => {
    const known = made.get(kind);
    if (known !== undefined) return known;
    const both = Promise.all([shownAs(object, own, kind), shownAs(old, own, kind)]).then(
      ([shownObject, shownOld]) => ({ object: shownObject, old: shownOld }),
    );
    made.set(kind, both);
    return both;
  };
}
