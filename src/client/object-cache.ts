/**
 * The store inside an informer: objects by key, by namespace, and by indexes that readers add.
 */
import type { KubeObject } from '#api/meta/object.ts';

interface Index<T> {
  readonly valuesOf: (object: T) => readonly string[];
  readonly keys: Map<string, Set<string>>;
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
    if (previous !== undefined) this.#unindex(key, previous);
    this.#objects.set(key, object);
    const namespace = object.metadata?.namespace ?? '';
    let members = this.#namespaces.get(namespace);
    if (members === undefined) this.#namespaces.set(namespace, (members = new Map()));
    members.set(key, object);
    for (const index of this.#indexes.values()) addTo(index, key, object);
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
    this.#unindex(key, previous);
    return previous;
  }

  index(name: string, valuesOf: (object: T) => readonly string[]): void {
    if (this.#indexes.has(name)) return;
    const index: Index<T> = { valuesOf, keys: new Map() };
    for (const [key, object] of this.#objects) addTo(index, key, object);
    this.#indexes.set(name, index);
  }

  byIndex(name: string, value: string): T[] {
    const index = this.#indexes.get(name);
    if (index === undefined) throw new Error(`Cannot read index ${JSON.stringify(name)}: not made`);
    const found: T[] = [];
    for (const key of index.keys.get(value) ?? []) {
      const object = this.#objects.get(key);
      if (object !== undefined) found.push(object);
    }
    return found;
  }

  #unindex(key: string, object: T): void {
    for (const { valuesOf, keys } of this.#indexes.values()) {
      for (const value of valuesOf(object)) {
        const members = keys.get(value);
        members?.delete(key);
        if (members?.size === 0) keys.delete(value);
      }
    }
  }
}

function addTo<T>(index: Index<T>, key: string, object: T): void {
  for (const value of index.valuesOf(object)) {
    const members = index.keys.get(value);
    if (members === undefined) index.keys.set(value, new Set([key]));
    else members.add(key);
  }
}
