/**
 * Removes what the schema does not know.
 *
 * Source: upstream v1.36 apiextensions-apiserver/pkg/apiserver/schema/pruning/algorithm.go.
 */
import { isJsonObject } from '../meta/json.ts';
import type { Json, JsonObject } from '../meta/object.ts';
import { asResourceRoot } from './compile-schema.ts';
import { additionalSchema, type StructuralSchema } from './structural-schema.ts';

const META_FIELDS: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata']);

/** Where the walk stands, and what it removed. */
interface Walk {
  readonly path: string[];
  readonly pruned: string[];
}

/**
 * Changes `object`. Answers the paths of what went, sorted (`spec.a[0].b`), for strict and warning
 * field validation. `isRoot`: it is a whole custom resource, whose apiVersion, kind and metadata
 * stay, as those of embedded resources do.
 */
export function prune(
  object: Json,
  schema: StructuralSchema | undefined,
  { isRoot }: { readonly isRoot: boolean },
): string[] {
  const walk: Walk = { path: [], pruned: [] };
  pruneValue(object, isRoot ? asResourceRoot(schema) : schema, walk);
  return walk.pruned.toSorted();
}

function record(walk: Walk, name: string): void {
  const dot = walk.path.length === 0 ? '' : '.';
  walk.pruned.push(`${walk.path.join('')}${dot}${name}`);
}

function inMember(walk: Walk, name: string, visit: () => void): void {
  walk.path.push(walk.path.length === 0 ? name : `.${name}`);
  visit();
  walk.path.pop();
}

function pruneItems(
  list: readonly Json[],
  items: StructuralSchema | undefined,
  walk: Walk,
  visit: typeof pruneValue,
): void {
  for (const [position, item] of list.entries()) {
    walk.path.push(`[${position}]`);
    visit(item, items, walk);
    walk.path.pop();
  }
}

function pruneValue(value: Json, schema: StructuralSchema | undefined, walk: Walk): void {
  if (schema?.preserveUnknownFields === true) keepUnknown(value, schema, walk);
  else if (Array.isArray(value)) pruneItems(value, schema?.items, walk, pruneValue);
  else if (isJsonObject(value)) pruneMembers(value, schema, walk);
}

function pruneMembers(object: JsonObject, schema: StructuralSchema | undefined, walk: Walk): void {
  for (const name of Object.keys(object)) {
    if (schema?.embeddedResource === true && META_FIELDS.has(name)) continue;
    const property = schema?.properties?.get(name);
    if (property === undefined && schema?.additionalProperties === undefined) {
      if (schema === undefined || !META_FIELDS.has(name) || walk.path.length > 0) {
        record(walk, name);
      }
      delete object[name];
      continue;
    }
    const child = property ?? (schema && additionalSchema(schema));
    inMember(walk, name, () => pruneValue(object[name] ?? null, child, walk));
  }
}

/** Unknown members stay; what the schema does describe is pruned again. */
function keepUnknown(value: Json, schema: StructuralSchema | undefined, walk: Walk): void {
  if (schema === undefined) return;
  if (Array.isArray(value)) pruneItems(value, schema.items, walk, keepUnknown);
  if (!isJsonObject(value)) return;
  for (const name of Object.keys(value)) {
    if (schema.embeddedResource && META_FIELDS.has(name)) continue;
    const property = schema.properties?.get(name);
    if (property === undefined && schema.additionalProperties === undefined) continue;
    const child = property ?? additionalSchema(schema);
    inMember(walk, name, () => pruneValue(value[name] ?? null, child, walk));
  }
}
