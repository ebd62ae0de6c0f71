/**
 * Sets of fields by their text. A thousand objects of one controller have a handful of sets between
 * them: each is read, checked against its type and written as text once, and shared from then on.
 * What is shared is frozen.
 */
import { isShared, jsonText, share } from '../codec/known-text.ts';
import type { Json } from '../meta/object.ts';
import type { FieldType } from '../schema/types.ts';
import { type FieldSet, parseFieldSet } from './field-set.ts';
import { reconcileSet } from './reconcile.ts';

/** Sets that are kept; beyond that they are all forgotten. */
const SETS_MAX = 1024;
/** Sets with a longer text are read each time. */
const TEXT_CHARACTERS_MAX = 8 * 1024;

const byText = new Map<string, FieldSet>();

/** `fieldsV1` as a set, canonical and sorted. Throws for what is no set. */
export function readFieldSet(value: Json): FieldSet {
  const text = isShared(value) ? jsonText(value) : JSON.stringify(value);
  const known = byText.get(text);
  if (known !== undefined) return known;
  const set = parseFieldSet(value);
  if (text.length > TEXT_CHARACTERS_MAX) return set;
  shareSet(set);
  if (byText.size >= SETS_MAX) byText.clear();
  byText.set(text, set);
  return set;
}

/** Freezes a set that others will get too, and remembers its text. */
export function shareSet(set: FieldSet): void {
  if (Object.isFrozen(set)) return;
  share(set, JSON.stringify(set));
}

/** Shared sets that their type leaves as they are. */
const settled = new WeakMap<FieldSet, FieldType>();

/** As `reconcileSet`, which a shared set goes through once. */
export function reconcileShared(type: FieldType, set: FieldSet): FieldSet {
  if (settled.get(set) === type) return set;
  const result = reconcileSet(type, set);
  if (result === set && Object.isFrozen(set)) settled.set(set, type);
  return result;
}
