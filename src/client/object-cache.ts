/**
 * The store inside an informer: objects by key, by namespace, and by indexes that readers add.
 */
import type { KubeObject } from '#api/meta/object.ts';
import { SortedEntries } from '#base/sorted-entries.ts';

interface Member<T> {
  readonly key: string;
  readonly object: T;
}

interface Index<T> {
  readonly valuesOf: (object: T) => readonly string[];
  /** By value. In the order of keys: passes over equal caches are equal, and need not sort. */
  readonly members: Map<string, SortedEntries<Member<T>>>;
}

export class ObjectCache<T extends KubeObject> {
  readonly #objects = new Map<string, T>();
  readonly #namespaces = new Map<string, Map<string, T>>();
  readonly #indexes = new Map<string, Index<T>>();

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(namespace?: string): T[] {
    if (namespace === undefined) return [...this.#objects.values()];
    return [...(this.#namespaces.get(namespace)?.values() ?? [])];
  }

  /** Puts `object` in and answers what was there. */
  set(key: string, object: T): T | undefined {
    const previous = this.#objects.get(key);
    this.#objects.set(key, object);
    const namespace = object.metadata?.namespace ?? '';
    let members = this.#namespaces.get(namespace);
    if (members === undefined) this.#namespaces.set(namespace, (members = new Map()));
    members.set(key, object);
    for (const index of this.#indexes.values()) {
      const values = index.valuesOf(object);
      if (previous !== undefined) removeFrom(index, key, { object: previous, but: values });
      addTo(index, { key, object }, values);
    }
    return previous;
  }

  /** Takes the object out and answers it. */
  delete(key: string): T | undefined {
    const previous = this.#objects.get(key);
    if (previous === undefined) return undefined;
    this.#objects.delete(key);
    const namespace = previous.metadata?.namespace ?? '';
    const members = this.#namespaces.get(namespace);
    members?.delete(key);
    if (members?.size === 0) this.#namespaces.delete(namespace);
    for (const index of this.#indexes.values()) removeFrom(index, key, { object: previous });
    return previous;
  }

  index(name: string, valuesOf: (object: T) => readonly string[]): void {
    if (this.#indexes.has(name)) return;
    const index: Index<T> = { valuesOf, members: new Map() };
    for (const [key, object] of this.#objects) addTo(index, { key, object }, valuesOf(object));
    this.#indexes.set(name, index);
  }

  /** In the order of keys. */
  byIndex(name: string, value: string): T[] {
    const index = this.#indexes.get(name);
    if (index === undefined) throw new Error(`Cannot read index ${JSON.stringify(name)}: not made`);
    return index.members.get(value)?.map(({ object }) => object) ?? [];
  }
}

function addTo<T>({ members }: Index<T>, member: Member<T>, values: readonly string[]): void {
  for (const value of values) {
    let sorted = members.get(value);
    if (sorted === undefined) members.set(value, (sorted = new SortedEntries()));
    sorted.set(member);
  }
}

/** Takes what `object` was found by out, but for the values that stay. */
function removeFrom<T>(
  { valuesOf, members }: Index<T>,
  key: string,
  { object, but = [] }: { readonly object: T; readonly but?: readonly string[] },
): void {
  for (const value of valuesOf(object)) {
    if (but.includes(value)) continue;
    const sorted = members.get(value);
    sorted?.delete(key);
    if (sorted?.isEmpty === true) members.delete(value);
  }
}
