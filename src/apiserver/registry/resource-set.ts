/**
 * The resources that are served now: the built-in ones, which are fixed, and those of custom
 * resource definitions, which come and go.
 */
import type { AnyKind } from '#api/kind.ts';
import type { Resource } from './resource.ts';

interface GroupVersionCount {
  readonly group: string;
  readonly version: string;
  readonly count: number;
}

export class ResourceSet {
  readonly #builtIn: readonly Resource[];
  /** By `<group>/<version>/<plural>`. */
  readonly #byPath = new Map<string, Resource>();
  /** By the name of their definition, in the order of its versions. */
  readonly #custom = new Map<string, readonly Resource[]>();
  readonly #first = new Map<string, Resource>();
  /** How many custom resources each group version has, by `<group>/<version>`. */
  readonly #groupVersions = new Map<string, GroupVersionCount>();
  #generation = 0;
  /** Called when custom resources have come or gone. */
  onChange: () => void = () => {};

  constructor(builtIn: readonly Resource[]) {
    this.#builtIn = builtIn;
    for (const resource of builtIn) this.#add(resource);
  }

  /** Counts changes: what was made of all kinds is to be made anew when this is another number. */
  get generation(): number {
    return this.#generation;
  }

  /** The served resource, or undefined. */
  find(group: string, version: string, plural: string): Resource | undefined {
    return this.#byPath.get(`${group}/${version}/${plural}`);
  }

  /** The resource in the version that is served first. */
  first(group: string, plural: string): Resource | undefined {
    return this.#first.get(`${plural}.${group}`);
  }

  /** All kinds, the built-in ones first. */
  kinds(): AnyKind[] {
    return [...this.#builtIn, ...[...this.#custom.values()].flat()].map(({ kind }) => kind);
  }

  /** The group versions that have custom resources. */
  customGroupVersions(): { readonly group: string; readonly version: string }[] {
    return [...this.#groupVersions.values()];
  }

  /** Serves `resources` for a definition, and no longer what was served for it before. */
  setCustom(definition: string, resources: readonly Resource[]): void {
    const before = this.#custom.get(definition) ?? [];
    if (before.length === 0 && resources.length === 0) return;
    for (const resource of before) {
      this.#remove(resource);
      this.#count(resource, -1);
    }
    this.#custom.delete(definition);
    if (resources.length > 0) this.#custom.set(definition, resources);
    for (const resource of resources) {
      this.#add(resource);
      this.#count(resource, 1);
    }
    this.#generation += 1;
    this.onChange();
  }

  #count({ kind: { group, version } }: Resource, change: number): void {
    const key = `${group}/${version}`;
    const count = (this.#groupVersions.get(key)?.count ?? 0) + change;
    if (count === 0) this.#groupVersions.delete(key);
    else this.#groupVersions.set(key, { group, version, count });
  }

  #add(resource: Resource): void {
    const { group, version, plural } = resource.kind;
    this.#byPath.set(`${group}/${version}/${plural}`, resource);
    const key = `${plural}.${group}`;
    if (!this.#first.has(key)) this.#first.set(key, resource);
  }

  #remove({ kind: { group, version, plural } }: Resource): void {
    this.#byPath.delete(`${group}/${version}/${plural}`);
    this.#first.delete(`${plural}.${group}`);
  }
}
