/**
 * JSON values that are read and written again and again, with their texts: sets of fields, which all
 * objects of one controller share. Such a value is frozen through and through, so its text stays true.
 */
import type { JsonObject } from '../meta/object.ts';
import { escapeHtml } from './html.ts';

/** Values that are kept by their text; beyond that they are all forgotten. */
const VALUES_MAX = 1024;
/** Values with a longer text are read each time. */
const TEXT_CHARACTERS_MAX = 8 * 1024;

/** As Go writes them. */
const texts = new WeakMap<object, string>();
const values = new Map<string, JsonObject>();

/** Freezes `value` through and through and remembers its JSON, `text`. */
export function share(value: object, text: string): void {
  deepFreeze(value);
  texts.set(value, escapeHtml(text));
}

/** Whether `value` is shared, and so nobody's to change. */
export function isShared(value: unknown): value is object {
  return typeof value === 'object' && value !== null && texts.has(value);
}

/** The JSON of `value` as Go writes it, made where it is not known. */
export function jsonText(value: unknown): string {
  const known = isShared(value) ? texts.get(value) : undefined;
  return known ?? escapeHtml(JSON.stringify(value));
}

/** The object whose JSON is `text`: the same one each time, unless the text is long. */
export function sharedValue(text: string): JsonObject {
  const known = values.get(text);
  if (known !== undefined) return known;
  const value = JSON.parse(text) as JsonObject;
  if (text.length > TEXT_CHARACTERS_MAX) return value;
  share(value, text);
  if (values.size >= VALUES_MAX) values.clear();
  values.set(text, value);
  return value;
}

function deepFreeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const member of Object.values(value)) deepFreeze(member);
}
