/**
 * The identity of a list's elements: by their keys, or, in a set, by their value.
 *
 * Source: structured-merge-diff v6, typed/helpers.go.
 */
import type { Json } from '../meta/object.ts';
import { isJsonObject, memberOf } from '../meta/json.ts';
import { keyElement, type PathElement, valueElement } from './path-element.ts';
import type { ListShape } from './shape.ts';

/** Throws an Error with upstream's words when the element has no identity. */
export function listElement(list: ListShape, item: Json): PathElement {
  return list.relation === 'set' ? setElement(item) : keyedElement(list, item);
}

function setElement(item: Json): PathElement {
  if (isJsonObject(item))
    throw new Error("associative list without keys has an element that's a map type");
  if (Array.isArray(item))
    throw new Error('not supported: associative list with lists as elements');
  if (item === null)
    throw new Error("associative list without keys has an element that's an explicit null");
  return valueElement(item);
}

function keyedElement(list: ListShape, item: Json): PathElement {
  if (item === null) throw new Error('associative list with keys may not have a null element');
  if (!isJsonObject(item))
    throw new Error('associative list with keys may not have non-map elements');
  const fields: [string, Json][] = [];
  for (const [name, fallback] of list.keys) {
    const value = memberOf(item, name) ?? fallback;
    if (value !== undefined) fields.push([name, value]);
  }
  if (fields.length === 0) {
    const names = list.declaredKeys.map((name) => JSON.stringify(name)).join(' ');
    throw new Error(
      `associative list with keys has an element that omits all key fields [${names}] (and doesn't have default values for any key fields)`,
    );
  }
  return keyElement(fields);
}

/** The element, or undefined when it has no identity. */
export function tryListElement(list: ListShape, item: Json): PathElement | undefined {
  try {
    return listElement(list, item);
  } catch {
    return undefined;
  }
}
