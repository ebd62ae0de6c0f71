/** Walks an object beside its schema: every place that a mutation can be made at. */
import { isJsonObject } from '#api/meta/json.ts';
import type { Json, JsonObject } from '#api/meta/object.ts';
import type { FieldType, TypeSchema } from '#api/schema/types.ts';

export type Step = string | number;

export interface Place {
  readonly path: readonly Step[];
  /** The path with `[]` for every element of a list and `{}` for every key of a map. */
  readonly shape: string;
  readonly type: FieldType;
  /** Undefined: the object has no such member. */
  readonly value: Json | undefined;
}

/**
 * Places of `object` in depth-first order, each shape once: of a list's elements the first that has
 * a member is walked for it. Absent members of the schema come too.
 */
export function placesOf(object: JsonObject, type: TypeSchema): Place[] {
  const found = new Map<string, Place>();
  walkObject({ path: [], shape: '', found }, object, type);
  return [...found.values()].filter(
    (place) => place.value !== undefined || isMissingEverywhere(place, found),
  );
}

interface Walk {
  readonly path: readonly Step[];
  readonly shape: string;
  readonly found: Map<string, Place>;
}

function isMissingEverywhere(place: Place, found: ReadonlyMap<string, Place>): boolean {
  return found.get(place.shape)?.value === undefined;
}

function walkObject(walk: Walk, object: JsonObject, type: TypeSchema): void {
  for (const field of type.fields) {
    if (walk.path.length === 0 && ['apiVersion', 'kind', 'metadata'].includes(field.json)) continue;
    visit(
      {
        ...walk,
        path: [...walk.path, field.json],
        shape: walk.shape === '' ? field.json : `${walk.shape}.${field.json}`,
      },
      field.type,
      object[field.json],
    );
  }
}

function visit(walk: Walk, type: FieldType, value: Json | undefined): void {
  const { path, shape, found } = walk;
  const known = found.get(shape);
  if (known === undefined || (known.value === undefined && value !== undefined))
    found.set(shape, { path, shape, type, value });
  if (value === undefined) return;
  if (type.kind === 'object' && isJsonObject(value)) walkObject(walk, value, type.type);
  if (type.kind === 'list' && Array.isArray(value)) {
    for (const [index, item] of value.entries())
      visit({ ...walk, path: [...path, index], shape: `${shape}[]` }, type.of, item);
  }
  if (type.kind === 'map' && isJsonObject(value)) {
    for (const [key, item] of Object.entries(value))
      visit({ ...walk, path: [...path, key], shape: `${shape}{}` }, type.of, item);
  }
}

/** A copy of `object` with `value` at `path`, or without it when undefined. Shares the rest. */
export function withValue(object: Json, path: readonly Step[], value: Json | undefined): Json {
  const [step, ...rest] = path;
  if (step === undefined) return value ?? null;
  if (Array.isArray(object)) {
    const index = Number(step);
    if (rest.length === 0 && value === undefined) return object.filter((_, at) => at !== index);
    return object.with(index, withValue(object[index] ?? null, rest, value));
  }
  const base = isJsonObject(object) ? object : {};
  if (rest.length === 0 && value === undefined) {
    const { [step]: _, ...others } = base;
    return others;
  }
  return { ...base, [step]: withValue(base[step] ?? null, rest, value) };
}
