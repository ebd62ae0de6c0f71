/** JSON with the members of objects in order: the same text for the same value. */
import { isJsonObject, setMember } from '../meta/json.ts';
import type { Json, JsonObject } from '../meta/object.ts';

export function canonicalJson(value: Json): string {
  return JSON.stringify(sorted(value));
}

/** The value with its members in order, as Go prints maps. */
export function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isJsonObject(value)) return value;
  const copy: JsonObject = {};
  for (const name of Object.keys(value).toSorted())
    setMember(copy, name, sorted(value[name] ?? null));
  return copy;
}
