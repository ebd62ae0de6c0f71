/**
 * Nulls and defaults of custom resources.
 *
 * Source: upstream v1.36 apiextensions-apiserver/pkg/apiserver/schema/defaulting (algorithm.go,
 * prunenulls.go). A null where the schema allows none counts as absent.
 */
import { cloneJson, isJsonObject, setMember } from '../meta/json.ts';
import type { Json } from '../meta/object.ts';
import { additionalSchema, memberSchema, type StructuralSchema } from './structural-schema.ts';

function isWrongNull(value: Json | undefined, schema: StructuralSchema | undefined): boolean {
  return value === null && schema !== undefined && !schema.nullable;
}

/** Changes `value`: removes nulls that are neither allowed nor about to be defaulted. */
export function pruneNulls(value: Json, schema: StructuralSchema | undefined): void {
  if (Array.isArray(value)) {
    for (const item of value) pruneNulls(item, schema?.items);
    return;
  }
  if (!isJsonObject(value)) return;
  for (const [name, member] of Object.entries(value)) {
    const child = memberSchema(schema, name);
    if (isWrongNull(member, child) && child?.default === undefined) delete value[name];
    else pruneNulls(member, child);
  }
}

/** Changes `value`: fills in the schema's defaults, into what was defaulted too. */
export function applyDefaults(value: Json, schema: StructuralSchema | undefined): void {
  if (schema === undefined) return;
  if (Array.isArray(value)) defaultItems(value, schema.items);
  if (!isJsonObject(value)) return;
  for (const [name, property] of schema.properties ?? []) {
    if (property.default === undefined) continue;
    if (!Object.hasOwn(value, name) || isWrongNull(value[name], property)) {
      setMember(value, name, cloneJson(property.default));
    }
  }
  const additional = additionalSchema(schema);
  for (const name of Object.keys(value)) {
    const property = schema.properties?.get(name);
    if (property === undefined && isWrongNull(value[name], additional)) {
      setMember(value, name, cloneJson(additional?.default ?? null));
    }
    applyDefaults(value[name] ?? null, property ?? additional);
  }
}

function defaultItems(list: Json[], items: StructuralSchema | undefined): void {
  for (const [position, item] of list.entries()) {
    if (isWrongNull(item, items)) list[position] = cloneJson(items?.default ?? null);
    applyDefaults(list[position] ?? null, items);
  }
}
