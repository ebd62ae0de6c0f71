/** A map that forgets what was used least recently. */
export class LruMap<V> {
  readonly #sizeMax: number;
  readonly #map = new Map<string, V>();

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax;
  }

  get(key: string): V | undefined {
    const value = this.#map.get(key);
    if (value === undefined) return undefined;
    this.#map.delete(key);
    this.#map.set(key, value);
    return value;
  }

  set(key: string, value: V): void {
    this.#map.delete(key);
    this.#map.set(key, value);
    if (this.#map.size <= this.#sizeMax) return;
    for (const oldest of this.#map.keys()) {
      this.#map.delete(oldest);
      return;
    }
  }

  delete(key: string): void {
    this.#map.delete(key);
  }

  /** What was used least recently first; what is deleted meanwhile is passed over. */
  entries(): IterableIterator<[string, V]> {
    return this.#map.entries();
  }
}
