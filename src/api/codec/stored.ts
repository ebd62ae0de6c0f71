/**
 * Reads stored JSON. Lists and maps that Go always writes are null there when they are empty, as
 * they are on upstream's wire; in our objects they are empty lists and maps.
 */
import { isJsonObject } from '../meta/json.ts';
import type { Json, JsonObject } from '../meta/object.ts';
import { builtinKinds, typeForKind } from '../schema/schema.ts';
import type { FieldType, TypeSchema } from '../schema/types.ts';
import { sharedValue } from './known-text.ts';

interface Required {
  readonly lists: ReadonlySet<string>;
  readonly maps: ReadonlySet<string>;
}

let required: Required | undefined;

const written = new WeakSet<object>();

/** The object of `text`, which the server itself has written. */
export function parseStored(text: string): JsonObject {
  required ??= findRequired();
  const { lists, maps } = required;
  // Rare: most objects have no such member, or have something in it.
  if (!hasRequiredNull(text, required)) {
    const object = JSON.parse(text) as JsonObject;
    written.add(object);
    return object;
  }
  return JSON.parse(text, (key, value: Json) =>
    value !== null ? value : maps.has(key) ? {} : lists.has(key) ? [] : null,
  ) as JsonObject;
}

const SET_HEAD = '"fieldsType":"FieldsV1","fieldsV1":{';
/** Stands for a set until the rest has been parsed. */
const NO_SET = 0;

/**
 * As `parseStored`, for an object that nobody changes: the sets of fields in its managed fields are
 * those that other objects have too (`known-text.ts`), and are not parsed again.
 */
export function parseStoredShared(text: string): JsonObject {
  const sets: JsonObject[] = [];
  let rest = '';
  let from = 0;
  for (;;) {
    const head = text.indexOf(SET_HEAD, from);
    if (head < 0) break;
    const start = head + SET_HEAD.length - 1;
    const end = endOfObject(text, start);
    sets.push(sharedValue(text.slice(start, end)));
    rest += `${text.slice(from, start)}${NO_SET}`;
    from = end;
  }
  if (sets.length === 0) return parseStored(text);
  const object = parseStored(rest + text.slice(from));
  // What looked like managers and was none: a custom object may hold other objects.
  return putSets(object, sets) ? object : parseStored(text);
}

/** Behind the `}` of the object that begins at `start`. */
function endOfObject(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (code === OPEN) depth++;
    else if (code === CLOSE && --depth === 0) return at + 1;
  }
  return text.length;
}

/** The place of the quote that ends the string which begins at `start`. */
function endOfString(text: string, start: number): number {
  let at = text.indexOf('"', start + 1);
  while (at > 0 && text.charCodeAt(at - 1) === BACKSLASH) {
    let from = at - 1;
    while (text.charCodeAt(from - 1) === BACKSLASH) from--;
    if ((at - from) % 2 === 0) break;
    at = text.indexOf('"', at + 1);
  }
  return at < 0 ? text.length : at;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** Puts `sets` where they were taken from; false if that is not the managed fields alone. */
function putSets({ metadata }: JsonObject, sets: readonly JsonObject[]): boolean {
  const managers = isJsonObject(metadata) ? metadata['managedFields'] : undefined;
  if (!Array.isArray(managers)) return false;
  const without = managers.filter(isJsonObject).filter((entry) => entry['fieldsV1'] === NO_SET);
  if (without.length !== sets.length) return false;
  for (const [index, entry] of without.entries()) entry['fieldsV1'] = sets[index] ?? {};
  return true;
}

/** Whether `object` came from `parseStored` just as Go writes it, its nulls included. */
export function isAsWritten(object: object): boolean {
  return written.has(object);
}

const NULL_MEMBER = '":null';

function hasRequiredNull(text: string, { lists, maps }: Required): boolean {
  for (let at = text.indexOf(NULL_MEMBER); at >= 0; at = text.indexOf(NULL_MEMBER, at + 1)) {
    const name = text.slice(text.lastIndexOf('"', at - 1) + 1, at);
    if (lists.has(name) || maps.has(name)) return true;
  }
  return false;
}

/** The names of all lists and maps that are always written. */
function findRequired(): Required {
  const lists = new Set<string>();
  const maps = new Set<string>();
  const seen = new Set<TypeSchema>();
  const visit = (type: TypeSchema): void => {
    if (seen.has(type)) return;
    seen.add(type);
    for (const field of type.fields) {
      const isAlways = !field.omitempty && !field.omitzero && !field.pointer;
      if (isAlways && field.type.kind === 'list') lists.add(field.json);
      if (isAlways && field.type.kind === 'map') maps.add(field.json);
      const inner = objectIn(field.type);
      if (inner !== undefined) visit(inner);
    }
  };
  for (const { group, version, kind } of builtinKinds()) {
    const type = typeForKind(group, version, kind);
    if (type !== undefined) visit(type);
  }
  return { lists, maps };
}

function objectIn(type: FieldType): TypeSchema | undefined {
  if (type.kind === 'object') return type.type;
  return type.kind === 'scalar' ? undefined : objectIn(type.of);
}
