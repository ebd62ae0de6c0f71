/**
 * A live object with an applied configuration laid over it.
 *
 * Nothing is removed here. Elements of a list stand as in the configuration where it names them;
 * elements that only the live list has keep their place before the next one that both have.
 *
 * Source: structured-merge-diff v6, typed/merge.go.
 */
import type { Json, JsonObject } from '../meta/object.ts';
import { isJsonObject, memberOf, setMember } from '../meta/json.ts';
import type { FieldType } from '../schema/types.ts';
import { tryListElement } from './list-element.ts';
import type { PathElement } from './path-element.ts';
import { formOf, type ListShape, type MapShape, memberType, shapeOf } from './shape.ts';

/** Changes neither; the result shares what it can. */
export function mergeValues(
  type: FieldType,
  live: Json | undefined,
  applied: Json | undefined,
): Json {
  if (applied === undefined || live === undefined) return applied ?? live ?? null;
  const shape = shapeOf(type);
  const form = formOf(shape, applied === null ? live : applied);
  if (form === 'map' && shape.map !== undefined) return mergeMaps(shape.map, live, applied);
  if (form === 'list' && shape.list !== undefined) return mergeLists(shape.list, live, applied);
  return applied;
}

function mergeMaps(map: MapShape, live: Json, applied: Json): Json {
  if (map.atomic || !isJsonObject(live)) return applied;
  if (!isJsonObject(applied))
    return applied === null && Object.keys(live).length > 0 ? live : applied;
  if (Object.keys(applied).length === 0) return Object.keys(live).length > 0 ? live : applied;
  const merged: JsonObject = { ...live };
  for (const [name, value] of Object.entries(applied)) {
    const type = memberType(map, name);
    const before = memberOf(live, name);
    setMember(merged, name, type === undefined ? value : mergeValues(type, before, value));
  }
  return merged;
}

function mergeLists(list: ListShape, live: Json, applied: Json): Json {
  if (list.relation === 'atomic' || !Array.isArray(live)) return applied;
  if (!Array.isArray(applied)) return applied === null && live.length > 0 ? live : applied;
  if (applied.length === 0) return live.length > 0 ? live : applied;
  return new ListMerge(list, live, applied).run();
}

interface Item {
  readonly element: PathElement;
  readonly value: Json;
}

class ListMerge {
  readonly #list: ListShape;
  readonly #live: readonly Item[];
  readonly #applied: readonly Item[];
  /** By identity; null for duplicates, which are not merged into. */
  readonly #liveByElement = new Map<PathElement, Json | undefined>();
  readonly #appliedByElement = new Map<PathElement, Json>();
  readonly #merged: Json[] = [];
  readonly #done = new Set<PathElement>();

  constructor(list: ListShape, live: Json[], applied: Json[]) {
    this.#list = list;
    this.#live = itemsOf(list, live);
    this.#applied = itemsOf(list, applied);
    for (const { element, value } of this.#live) {
      this.#liveByElement.set(element, this.#liveByElement.has(element) ? undefined : value);
    }
    for (const { element, value } of this.#applied) this.#appliedByElement.set(element, value);
  }

  run(): Json[] {
    const shared = this.#applied.filter(({ element }) => this.#liveByElement.has(element));
    let nextShared = 0;
    let l = 0;
    let a = 0;
    while (l < this.#live.length || a < this.#applied.length) {
      const live = this.#live[l];
      const applied = this.#applied[a];
      if (live !== undefined && applied !== undefined) {
        if (live.element === applied.element) {
          this.#take(applied);
          l++;
          a++;
          nextShared++;
          continue;
        }
        const wanted = shared[nextShared];
        const isShared = this.#appliedByElement.has(live.element);
        if (isShared && wanted !== undefined && wanted.element !== live.element) {
          l++;
          continue;
        }
      }
      if (live !== undefined) {
        if (!this.#appliedByElement.has(live.element)) {
          this.#merged.push(live.value);
          l++;
          continue;
        }
        if (this.#done.has(live.element)) l++;
      }
      if (applied !== undefined) {
        this.#take(applied);
        a++;
        if (shared[nextShared]?.element === applied.element) nextShared++;
      }
    }
    return this.#merged;
  }

  /** Adds an element of the configuration, merged with the live one of that identity. */
  #take({ element, value }: Item): void {
    this.#done.add(element);
    this.#merged.push(mergeValues(this.#list.of, this.#liveByElement.get(element), value));
  }
}

function itemsOf(list: ListShape, values: Json[]): Item[] {
  const items: Item[] = [];
  for (const value of values) {
    const element = tryListElement(list, value);
    if (element !== undefined) items.push({ element, value });
  }
  return items;
}
