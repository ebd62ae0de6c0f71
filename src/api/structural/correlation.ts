/**
 * Which old value each value of an update replaces: errors in what did not change are forgiven.
 *
 * Source: KEP-4008 (CRD validation ratcheting); upstream v1.36 apiserver/pkg/cel/common/equality.go
 * and maplist.go. Members of objects correlate by name where the schema describes them, items only
 * in lists of type map, by their keys. What is not correlated is compared as a whole.
 */
import { equalJson } from '../meta/equal.ts';
import { isJsonObject, memberOf } from '../meta/json.ts';
import type { Json, JsonObject } from '../meta/object.ts';
import { memberSchema, type StructuralSchema } from './structural-schema.ts';

export class Correlation {
  readonly value: Json;
  readonly old: Json;
  readonly schema: StructuralSchema;
  #equal: boolean | undefined;
  #oldItems: Map<string, Json> | undefined;
  readonly #children = new Map<string | number, Correlation | undefined>();

  constructor(value: Json, old: Json, schema: StructuralSchema) {
    this.value = value;
    this.old = old;
    this.schema = schema;
  }

  /** The member `name`, when both sides have it and the schema describes it. */
  key(name: string): Correlation | undefined {
    if (this.#children.has(name)) return this.#children.get(name);
    const child = this.#makeKey(name);
    this.#children.set(name, child);
    return child;
  }

  #makeKey(name: string): Correlation | undefined {
    const { value, old } = this;
    const schema = memberSchema(this.schema, name);
    if (schema === undefined || !isJsonObject(value) || !isJsonObject(old)) return undefined;
    const [next, before] = [memberOf(value, name), memberOf(old, name)];
    if (next === undefined || before === undefined) return undefined;
    return new Correlation(next, before, schema);
  }

  /** The item at `position` of the new list, when an old item has its keys. */
  index(position: number): Correlation | undefined {
    if (this.#children.has(position)) return this.#children.get(position);
    const child = this.#makeIndex(position);
    this.#children.set(position, child);
    return child;
  }

  #makeIndex(position: number): Correlation | undefined {
    const { value, schema } = this;
    if (!Array.isArray(value) || schema.items === undefined) return undefined;
    const item = value[position];
    const before = item === undefined ? undefined : this.#oldItem(item);
    if (item === undefined || before === undefined) return undefined;
    return new Correlation(item, before, schema.items);
  }

  #oldItem(item: Json): Json | undefined {
    const { schema, old } = this;
    if (schema.listType !== 'map' || !Array.isArray(old)) return undefined;
    const keys = schema.listMapKeys ?? [];
    if (this.#oldItems === undefined) {
      this.#oldItems = new Map();
      for (const candidate of old) {
        const key = keyOf(candidate, keys);
        // The first of several with the same keys stands for them.
        if (key !== undefined && !this.#oldItems.has(key)) this.#oldItems.set(key, candidate);
      }
    }
    const key = keyOf(item, keys);
    return key === undefined ? undefined : this.#oldItems.get(key);
  }

  /** Whether nothing changed here, the order of lists of type map left aside. */
  isEqual(): boolean {
    this.#equal ??= this.#compare();
    return this.#equal;
  }

  #compare(): boolean {
    const { value, old } = this;
    if (Array.isArray(value) && Array.isArray(old)) {
      if (value.length !== old.length) return false;
      if (this.schema.listType !== 'map') return equalJson(value, old);
      return value.every((_item, position) => this.index(position)?.isEqual() === true);
    }
    if (isJsonObject(value) && isJsonObject(old)) {
      const names = Object.keys(value);
      return (
        names.length === Object.keys(old).length &&
        names.every((name) => this.key(name)?.isEqual() === true)
      );
    }
    return equalJson(value, old);
  }
}

/** The values of the keys as one text; undefined unless all are there and scalars. */
export function keyOf(item: Json, keys: readonly string[]): string | undefined {
  if (keys.length === 0 || !isJsonObject(item)) return undefined;
  const values: Json[] = [];
  for (const key of keys) {
    const value = memberOf(item, key);
    if (value === undefined || value === null || typeof value === 'object') return undefined;
    values.push(value);
  }
  return JSON.stringify(values);
}

/** The correlation of a whole update. `schema`: of the custom resource. */
export function correlate(
  next: JsonObject,
  old: JsonObject,
  schema: StructuralSchema,
): Correlation {
  return new Correlation(next, old, schema);
}
