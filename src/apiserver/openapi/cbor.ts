/** What documents say of CBOR while the gate CBORServingAndStorage is on: it is wherever YAML is. */
import type { Json, JsonObject } from '#api/meta/object.ts';
import { isJsonObject } from '#api/meta/json.ts';

/** A form, and the one in CBOR that comes with it. */
const PAIRS = [
  ['application/yaml', 'application/cbor'],
  ['application/json;stream=watch', 'application/cbor-seq'],
  ['application/apply-patch+yaml', 'application/apply-patch+cbor'],
] as const;

/** `paths` with the forms in CBOR; the rest is shared with what was given. */
export function withCbor(paths: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(paths).map(([key, value]) => [key, visited(key, value ?? null)]),
  );
}

function visited(key: string, value: Json): Json {
  if (Array.isArray(value)) return value;
  if (!isJsonObject(value)) return value;
  return key === 'content' ? withForms(value) : withCbor(value);
}

function withForms(content: JsonObject): JsonObject {
  const added = PAIRS.flatMap(([form, inCbor]) => {
    const media = content[form];
    return media === undefined ? [] : [[inCbor, media] as const];
  });
  return { ...content, ...Object.fromEntries(added) };
}
