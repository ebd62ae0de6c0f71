/**
 * JSON merge patch. Source: RFC 7386, section 2.
 *
 * Nothing is changed in place: what the patch does not touch is shared with the original.
 */
import type { Json } from '../meta/object.ts';
import { isJsonObject, memberOf, setMember } from '../meta/json.ts';

/** `original` with `patch` merged in: null removes a member, objects merge, all else replaces. */
export function mergePatch(original: Json | undefined, patch: Json): Json {
  if (!isJsonObject(patch)) return patch;
  const merged = isJsonObject(original) ? { ...original } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else setMember(merged, key, mergePatch(memberOf(merged, key), value));
  }
  return merged;
}
