/** A binary heap: `pop` gives what comes before all others. */
export class Heap<T> {
  readonly #items: T[] = [];
  readonly #before: (left: T, right: T) => boolean;

  constructor(before: (left: T, right: T) => boolean) {
    this.#before = before;
  }

  get size(): number {
    return this.#items.length;
  }

  peek(): T | undefined {
    return this.#items[0];
  }

  clear(): void {
    this.#items.length = 0;
  }

  push(item: T): void {
    let at = this.#items.length;
    this.#items.push(item);
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = this.#items[up];
      if (parent === undefined || !this.#before(item, parent)) break;
      this.#items[at] = parent;
      at = up;
    }
    this.#items[at] = item;
  }

  pop(): T | undefined {
    const top = this.#items[0];
    const last = this.#items.pop();
    if (last !== undefined && this.#items.length > 0) this.#sink(last);
    return top;
  }

  /** Puts `item` at the top and lets it sink to its place. */
  #sink(item: T): void {
    let at = 0;
    for (;;) {
      const child = this.#firstChild(at);
      const next = this.#items[child];
      if (next === undefined || !this.#before(next, item)) break;
      this.#items[at] = next;
      at = child;
    }
    this.#items[at] = item;
  }

  #firstChild(at: number): number {
    const left = 2 * at + 1;
    const [one, two] = [this.#items[left], this.#items[left + 1]];
    return one !== undefined && two !== undefined && this.#before(two, one) ? left + 1 : left;
  }
}
