/**
 * Reads stored JSON. Lists and maps that Go always writes are null there when they are empty, as
 * they are on upstream's wire; in our objects they are empty lists and maps.
 */
import type { Json, JsonObject } from '../meta/object.ts';
import { builtinKinds, typeForKind } from '../schema/schema.ts';
import type { FieldType, TypeSchema } from '../schema/types.ts';

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
