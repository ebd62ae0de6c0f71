/**
 * What the first writer of an object comes to own, remembered by the object's form.
 *
 * Fields are owned whatever their values are, so objects of one controller, a thousand pods of one
 * template, have one set of fields. It is found by the names of their members and the identities of
 * their list elements, which is far less work than to make the set.
 */
import { isJsonObject, memberOf, wasSent } from '../meta/json.ts';
import type { Json, JsonObject } from '../meta/object.ts';
import type { FieldType } from '../schema/types.ts';
import type { FieldSet } from './field-set.ts';
import { tryListElement } from './list-element.ts';
import { formOf, memberType, shapeOf } from './shape.ts';
import { shareSet } from './shared-sets.ts';

/** Sets that are kept of one type; beyond that they are all forgotten. */
const SETS_MAX = 32;
/** Forms with a longer text are not kept. */
const FORM_CHARACTERS_MAX = 8 * 1024;

type Sets = Map<string, FieldSet>;
const known = new WeakMap<FieldType, Sets>();

interface First {
  readonly type: FieldType;
  /** The empty object of the type: what is in it as well is not gained, unless it differs. */
  readonly zero: JsonObject;
  readonly object: JsonObject;
  /** Tells ways of `make` apart. */
  readonly way: string;
}

/** The set that `make` makes of such an object: shared and frozen. */
export function firstFields({ type, zero, object, way }: First, make: () => FieldSet): FieldSet {
  let sets = known.get(type);
  if (sets === undefined) {
    sets = new Map();
    known.set(type, sets);
  }
  const form = `${way}${formText(type, zero, object)}`;
  const found = sets.get(form);
  if (found !== undefined) return found;
  const made = make();
  if (form.length > FORM_CHARACTERS_MAX) return made;
  shareSet(made);
  if (sets.size >= SETS_MAX) sets.clear();
  sets.set(form, made);
  return made;
}

const LEAF = 'l';

/**
 * All that a comparison of `before`, which is the same for all objects of the type, and `after`
 * goes by. Names stand with their lengths, so that no two forms have one text.
 */
function formText(type: FieldType, before: Json | undefined, after: Json): string {
  const shape = shapeOf(type);
  const isList = Array.isArray(after);
  if (before !== undefined && !(isList ? isEmptyList(before) : bothMaps(before, after)))
    return valueText(after);
  const form = formOf(shape, after);
  if (form === 'map' && shape.map !== undefined && isJsonObject(after)) {
    const { map } = shape;
    if (map.atomic) return before === undefined ? LEAF : valueText(after);
    const zero = isJsonObject(before) ? before : undefined;
    let text = '{';
    for (const name in after) {
      const member = memberOf(after, name);
      const inner = member === undefined ? undefined : memberType(map, name);
      if (inner === undefined || member === undefined) continue;
      const old = zero === undefined ? undefined : memberOf(zero, name);
      text += `${name.length}:${name}${formText(inner, old, member)}`;
    }
    return `${text}${wasSent(after) ? '!' : ''}}`;
  }
  if (form !== 'list' || shape.list === undefined || !isList) return LEAF;
  const { list } = shape;
  if (after.length === 0) return wasSent(after) ? '[!]' : '[]';
  if (list.relation === 'atomic') return LEAF;
  let text = '[';
  for (const item of after) {
    const element = tryListElement(list, item);
    // What has no identity spoils the whole list: it is of another form than a list without it.
    text +=
      element === undefined
        ? `?${valueText(item)}`
        : `${element.length}:${element}${formText(list.of, undefined, item)}`;
  }
  return `${text}]`;
}

function valueText(value: Json): string {
  return `=${JSON.stringify(value)}${wasSent(value) ? '!' : ''};`;
}

function isEmptyList(value: Json): boolean {
  return Array.isArray(value) && value.length === 0;
}

function bothMaps(before: Json, after: Json): boolean {
  return isJsonObject(before) && isJsonObject(after);
}
