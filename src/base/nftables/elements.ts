/**
 * The elements of all maps and sets of one nftables table, each with the owners that ask for it.
 *
 * Two owners may ask for one element (two Services for the same hairpin pair, two pods for an
 * address that goes from one to the other): the first owner's value holds, and the next one's when
 * the first lets go. Changes since the last `takeChanges` are what a delta must carry.
 */

/** One element as its owner wants it. A set's elements have no value. */
export interface Element {
  readonly map: string;
  /** As nft writes keys: `10.96.0.1 . tcp . 80`. */
  readonly key: string;
  readonly value: string;
}

interface Claim {
  readonly owner: string;
  readonly value: string;
}

/** What became of one element; `before` undefined: it was not there, `after` undefined: it is gone. */
export interface ElementChange {
  readonly map: string;
  readonly key: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

const NONE: ReadonlyMap<string, Element> = new Map();

export class Elements {
  readonly #maps = new Map<string, Map<string, readonly Claim[]>>();
  /** By owner, by id. */
  readonly #owned = new Map<string, ReadonlyMap<string, Element>>();
  /** Elements touched since the last `takeChanges`, with the value they had then. */
  readonly #touched = new Map<string, { map: string; key: string; before: string | undefined }>();

  /**
   * From now on `owner` asks for exactly `elements`; none removes the owner. Of several with one key (a
   * hairpin pair of each port of a Service) the last holds.
   */
  replace(owner: string, elements: readonly Element[]): void {
    const wanted = new Map(elements.map((element) => [idOf(element), element]));
    const old = this.#owned.get(owner) ?? NONE;
    for (const [id, element] of old)
      if (wanted.get(id)?.value !== element.value) this.#release(owner, element);
    for (const [id, element] of wanted)
      if (old.get(id)?.value !== element.value) this.#claim(owner, element);
    if (wanted.size === 0) this.#owned.delete(owner);
    else this.#owned.set(owner, wanted);
  }

  /** The effective elements of one map: key to value. */
  *entries(map: string): IterableIterator<[key: string, value: string]> {
    for (const [key, claims] of this.#maps.get(map) ?? []) yield [key, claims[0]?.value ?? ''];
  }

  get(map: string, key: string): string | undefined {
    return this.#maps.get(map)?.get(key)?.[0]?.value;
  }

  get owners(): IterableIterator<string> {
    return this.#owned.keys();
  }

  /** The changes since the last call; those that cancelled out are left out. */
  takeChanges(): ElementChange[] {
    const changes: ElementChange[] = [];
    for (const { map, key, before } of this.#touched.values()) {
      const after = this.get(map, key);
      if (before !== after) changes.push({ map, key, before, after });
    }
    this.#touched.clear();
    return changes;
  }

  #claim(owner: string, element: Element): void {
    this.#touch(element);
    const map = this.#maps.get(element.map) ?? new Map<string, readonly Claim[]>();
    this.#maps.set(element.map, map);
    map.set(element.key, [...(map.get(element.key) ?? []), { owner, value: element.value }]);
  }

  #release(owner: string, element: Element): void {
    this.#touch(element);
    const map = this.#maps.get(element.map);
    const left = (map?.get(element.key) ?? []).filter((claim) => claim.owner !== owner);
    if (left.length === 0) map?.delete(element.key);
    else map?.set(element.key, left);
  }

  #touch(element: Element): void {
    const id = idOf(element);
    if (this.#touched.has(id)) return;
    const before = this.get(element.map, element.key);
    this.#touched.set(id, { map: element.map, key: element.key, before });
  }
}

function idOf(element: Element): string {
  return `${element.map} ${element.key}`;
}
