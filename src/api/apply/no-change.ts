/**
 * Writes that are none: upstream stores nothing when only the times of managers would change.
 *
 * Source: upstream apiserver/pkg/endpoints/handlers/fieldmanager/equality.go.
 */
import { equalJson } from '../meta/equal.ts';
import { isJsonObject, memberOf } from '../meta/json.ts';
import type { Json, JsonObject } from '../meta/object.ts';

/**
 * Whether a write changes anything. One that changes nothing but the times of managers is none.
 * To be called on what is about to be stored, after admission.
 */
export function changesNothing(live: object, next: object): boolean {
  const before = live as JsonObject;
  const after = next as JsonObject;
  // In this order a difference is found early: most writes change the metadata or the status.
  if (!equalBut('managedFields', metadataOf(before), metadataOf(after))) return false;
  if (!equalBut('metadata', before, after)) return false;
  const stored = managersOf(before);
  const now = managersOf(after);
  return Array.isArray(stored) && Array.isArray(now)
    ? stored.length === now.length &&
        stored.every((entry, index) => isSameEntry(entry, now[index] ?? null))
    : equalJson(stored, now);
}

function isSameEntry(left: Json, right: Json): boolean {
  return isJsonObject(left) && isJsonObject(right)
    ? equalBut('time', left, right)
    : equalJson(left, right);
}

/** Equal in all members but one. Copies nothing. */
function equalBut(ignored: string, left: JsonObject, right: JsonObject): boolean {
  for (const key of Object.keys(right).reverse())
    if (key !== ignored && !equalJson(memberOf(left, key), right[key])) return false;
  for (const key in left) {
    if (key !== ignored && left[key] !== undefined && memberOf(right, key) === undefined)
      return false;
  }
  return true;
}

function metadataOf({ metadata }: JsonObject): JsonObject {
  return isJsonObject(metadata) ? metadata : {};
}

function managersOf({ metadata }: JsonObject): Json | undefined {
  return isJsonObject(metadata) ? metadata['managedFields'] : undefined;
}
