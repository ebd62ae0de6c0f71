/**
 * Which fields differ between two states of an object, with their values.
 *
 * A path reads as people write it: `spec.template.spec.containers[name=web].image`,
 * `metadata.labels["app.kubernetes.io/name"]`, `spec.rules[0].host`. Elements of a list with keys
 * are found by their keys; lists without are compared place by place when they are as long as they
 * were, else as a whole. What the server itself counts (managedFields, resourceVersion, generation)
 * is no change.
 */
import { tryListElement } from '#api/apply/list-element.ts';
import { type ListShape, memberType, shapeOf } from '#api/apply/shape.ts';
import { equalJson } from '#api/meta/equal.ts';
import { goText, isJsonObject } from '#api/meta/json.ts';
import type { Json, JsonObject } from '#api/meta/object.ts';
import type { FieldType } from '#api/schema/types.ts';

export interface Change {
  readonly path: string;
  /** Absent: the field was not there. */
  readonly old?: Json;
  /** Absent: the field is not there any more. */
  readonly new?: Json;
}

export interface ChangeOptions {
  /** Of the whole object. */
  readonly type: FieldType;
  /** Only what is at, below or around this path. */
  readonly field?: string;
}

const IGNORED = new Set([
  'apiVersion',
  'kind',
  'metadata.managedFields',
  'metadata.resourceVersion',
  'metadata.generation',
]);

type Side = Json | undefined;

/** Undefined: there was, or is, no object. */
export function changesBetween(
  before: JsonObject | undefined,
  after: JsonObject | undefined,
  options: ChangeOptions,
): Change[] {
  const walk = new ChangeWalk(options.field);
  walk.objects('', options.type, before ?? {}, after ?? {});
  return walk.changes;
}

class ChangeWalk {
  readonly changes: Change[] = [];
  readonly #field: string | undefined;

  constructor(field: string | undefined) {
    this.#field = field;
  }

  objects(path: string, type: FieldType | undefined, old: JsonObject, next: JsonObject): void {
    const map = type === undefined ? undefined : shapeOf(type).map;
    for (const name of new Set([...Object.keys(old), ...Object.keys(next)])) {
      const child = map === undefined ? undefined : memberType(map, name);
      this.#values(memberPath(path, name), child, own(old, name), own(next, name));
    }
  }

  #values(path: string, type: FieldType | undefined, old: Side, next: Side): void {
    if (IGNORED.has(path) || !this.#concerns(path) || same(old, next)) return;
    // A whole that comes or goes is one change, unless only a part of it is asked for.
    const narrows = this.#field !== undefined && isBelow(this.#field, path);
    const bothThere = old !== undefined && next !== undefined;
    if (bothThere || narrows) {
      const left = old ?? emptyLike(next);
      const right = next ?? emptyLike(old);
      if (isJsonObject(left) && isJsonObject(right)) return this.objects(path, type, left, right);
      if (Array.isArray(left) && Array.isArray(right))
        return this.#lists(path, type, { left, right, narrows });
    }
    this.changes.push({
      path,
      ...(old === undefined ? {} : { old }),
      ...(next === undefined ? {} : { new: next }),
    });
  }

  #lists(
    path: string,
    type: FieldType | undefined,
    { left, right, narrows }: { left: readonly Json[]; right: readonly Json[]; narrows: boolean },
  ): void {
    const list = type === undefined ? undefined : shapeOf(type).list;
    const olds = keyed(list, left);
    const news = keyed(list, right);
    if (olds !== undefined && news !== undefined) {
      for (const key of new Set([...olds.keys(), ...news.keys()]))
        this.#values(`${path}[${key}]`, list?.of, olds.get(key), news.get(key));
    } else if (left.length === right.length || narrows) {
      for (let index = 0; index < Math.max(left.length, right.length); index++)
        this.#values(`${path}[${index}]`, list?.of, left[index], right[index]);
    } else this.changes.push({ path, old: [...left], new: [...right] });
  }

  #concerns(path: string): boolean {
    const field = this.#field;
    return field === undefined || field === path || isBelow(field, path) || isBelow(path, field);
  }
}

function own(object: JsonObject, name: string): Side {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

function same(old: Side, next: Side): boolean {
  if (old === undefined || next === undefined) return old === next;
  return equalJson(old, next);
}

function emptyLike(value: Side): Side {
  if (Array.isArray(value)) return [];
  return isJsonObject(value) ? {} : undefined;
}

/** Whether `path` lies below `ancestor`. */
function isBelow(path: string, ancestor: string): boolean {
  return path.startsWith(ancestor) && /^[.[]/.test(path.slice(ancestor.length));
}

function memberPath(path: string, name: string): string {
  if (!/^[\w-]+$/.test(name)) return `${path}[${JSON.stringify(name)}]`;
  return path === '' ? name : `${path}.${name}`;
}

/** Elements by their keys as text; undefined when they have none, or share one. */
function keyed(list: ListShape | undefined, items: readonly Json[]): Map<string, Json> | undefined {
  if (list?.relation !== 'map') return undefined;
  const byKey = new Map<string, Json>();
  for (const item of items) {
    const element = tryListElement(list, item);
    if (element === undefined) return undefined;
    const keys = JSON.parse(element.slice(2)) as Readonly<Record<string, Json>>;
    const text = Object.entries(keys).map(([name, value]) => `${name}=${goText(value)}`);
    byKey.set(text.join(','), item);
  }
  return byKey.size === items.length ? byKey : undefined;
}
