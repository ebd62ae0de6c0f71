/**
 * Writes that are none: upstream stores nothing when only the times of managers would change.
 *
 * Source: upstream apiserver/pkg/endpoints/handlers/fieldmanager/equality.go.
 */
import { equalJson } from '../meta/equal.ts';
import { isJsonObject } from '../meta/json.ts';
import type { Json, JsonObject } from '../meta/object.ts';

/**
 * Whether a write changes anything. One that changes nothing but the times of managers is none.
 * To be called on what is about to be stored, after admission.
 */
export function changesNothing(live: object, next: object): boolean {
  const before = live as JsonObject;
  const after = next as JsonObject;
  // In this order a difference is found early: most writes change the metadata or the status.
  if (!equalJson(withoutManagers(before), withoutManagers(after))) return false;
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  for (const name of [...names].reverse())
    if (name !== 'metadata' && !equalJson(before[name], after[name])) return false;
  const stored = managersOf(before);
  const now = managersOf(after);
  return Array.isArray(stored) && Array.isArray(now)
    ? equalJson(stored.map(withoutTime), now.map(withoutTime))
    : equalJson(stored, now);
}

function withoutTime(entry: Json): Json {
  if (!isJsonObject(entry)) return entry;
  const { time: _, ...rest } = entry;
  return rest;
}

function withoutManagers({ metadata }: JsonObject): Json {
  if (!isJsonObject(metadata)) return {};
  const { managedFields: _, ...rest } = metadata;
  return rest;
}

function managersOf({ metadata }: JsonObject): Json | undefined {
  return isJsonObject(metadata) ? metadata['managedFields'] : undefined;
}
