/**
 * The steps of a field path, in the text form that `fieldsV1` has: `f:<field>`, `k:<key as JSON>`
 * (an element of a list with keys), `v:<value as JSON>` (an element of a set), `i:<index>`.
 *
 * The text is canonical (keys sorted, JSON as Go writes it), so that equal steps are equal strings.
 *
 * Source: meta/v1 FieldsV1; structured-merge-diff v6, fieldpath.
 */
import { isJsonObject } from '../meta/json.ts';
import type { Json } from '../meta/object.ts';

export type PathElement = string;

/** Elements whose canonical form is remembered. */
const CANONICAL_MAX = 8192;
const canonical = new Map<string, PathElement | undefined>();

export function fieldElement(name: string): PathElement {
  return `f:${name}`;
}

/** `fields`: names and values, sorted by name. */
export function keyElement(fields: readonly (readonly [name: string, value: Json])[]): PathElement {
  return `k:{${fields.map(([name, value]) => `${goJson(name)}:${goJson(value)}`).join(',')}}`;
}

export function valueElement(value: Json): PathElement {
  return `v:${goJson(value)}`;
}

/** Text that stands in JSON as it is. */
const PLAIN = /^[\w ./:@+-]*$/;

/** JSON as Go's encoder writes it: some characters are escaped for HTML's sake. */
function goJson(value: Json): string {
  if (typeof value === 'string' && PLAIN.test(value)) return `"${value}"`;
  const text = JSON.stringify(value);
  return /[<>&\u2028\u2029]/.test(text)
    ? text.replaceAll(/[<>&\u2028\u2029]/g, escapeCharacter)
    : text;
}

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/**
 * The canonical form of an element that a client wrote; undefined for a kind of element that this
 * version does not know, which is dropped. Throws for what is no element.
 */
export function canonicalElement(text: string): PathElement | undefined {
  if (text.startsWith('f:')) return text;
  if (canonical.has(text)) return canonical.get(text);
  const element = parseElement(text);
  if (canonical.size >= CANONICAL_MAX) canonical.clear();
  canonical.set(text, element);
  return element;
}

function parseElement(text: string): PathElement | undefined {
  if (text.length < 2) throw new SyntaxError('key must be 2 characters long:');
  if (text[1] !== ':') throw new SyntaxError(`missing colon: ${text}`);
  const content = text.slice(2);
  switch (text[0]) {
    case 'v':
      return valueElement(JSON.parse(content) as Json);
    case 'i':
      if (!/^[+-]?\d+$/.test(content)) throw new SyntaxError(`invalid index: ${text}`);
      return `i:${Number(content)}`;
    case 'k':
      return keyElement(fieldsOf(content));
    default:
      return undefined;
  }
}

function fieldsOf(content: string): [string, Json][] {
  const value = JSON.parse(content) as Json;
  if (!isJsonObject(value)) throw new SyntaxError(`invalid key: ${content}`);
  return Object.entries(value).toSorted(([a], [b]) => compareText(a, b));
}

const KINDS = 'fkvi';

/** The order of elements in a serialised set: fields, keys, values, indices. */
export function compareElements(left: PathElement, right: PathElement): number {
  if (left === right) return 0;
  const kind = left.charAt(0);
  if (kind !== right.charAt(0)) return KINDS.indexOf(kind) - KINDS.indexOf(right.charAt(0));
  const a = left.slice(2);
  const b = right.slice(2);
  switch (kind) {
    case 'k':
      return compareFields(fieldsOf(a), fieldsOf(b));
    case 'v':
      return compareValues(JSON.parse(a) as Json, JSON.parse(b) as Json);
    case 'i':
      return Number(a) - Number(b);
    default:
      return compareText(a, b);
  }
}

function compareFields(left: [string, Json][], right: [string, Json][]): number {
  for (const [index, [name, value]] of left.entries()) {
    const other = right[index];
    if (other === undefined) return 1;
    const order = compareText(name, other[0]) || compareValues(value, other[1]);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

const VALUE_ORDER = ['number', 'string', 'boolean', 'list', 'map', 'null'];

function compareValues(left: Json, right: Json): number {
  if (typeof left === 'number' && typeof right === 'number') return left - right;
  if (typeof left === 'string' && typeof right === 'string') return compareText(left, right);
  if (typeof left === 'boolean' && typeof right === 'boolean') return Number(left) - Number(right);
  const order = VALUE_ORDER.indexOf(valueKind(left)) - VALUE_ORDER.indexOf(valueKind(right));
  return order === 0 ? compareText(JSON.stringify(left), JSON.stringify(right)) : order;
}

function valueKind(value: Json): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'list';
  return typeof value === 'object' ? 'map' : typeof value;
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** As conflicts and errors show it: `.name`, `[containerPort=80,protocol="TCP"]`, `[="x"]`, `[0]`. */
export function elementText(element: PathElement): string {
  const content = element.slice(2);
  switch (element.charAt(0)) {
    case 'f':
      return `.${content}`;
    case 'k': {
      const fields = fieldsOf(content).map(([name, value]) => `${name}=${valueText(value)}`);
      return `[${fields.join(',')}]`;
    }
    case 'v':
      return `[=${valueText(JSON.parse(content) as Json)}]`;
    default:
      return `[${content}]`;
  }
}

function valueText(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(valueText).join(',')}]`;
  if (isJsonObject(value)) {
    return Object.entries(value)
      .map(([key, member]) => `${key}=${valueText(member)}`)
      .join('');
  }
  return JSON.stringify(value);
}
