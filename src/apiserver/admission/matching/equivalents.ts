/**
 * Resources that are the same objects under other names: other served versions, or another group
 * with the same storage (Events).
 *
 * Upstream: apimachinery/pkg/runtime/mapper.go (EquivalentResourceRegistry); apiserver
 * pkg/server/options/etcd.go for the key, which is the prefix in the store.
 */
import type { AnyKind } from '#api/kind.ts';
import { subresourcesOf } from '../../discovery/subresources.ts';
import type { ResourceSet } from '../../registry/resource-set.ts';

export type KindSource = Pick<ResourceSet, 'kinds' | 'generation'>;

export class EquivalentResources {
  readonly #source: KindSource;
  #generation = -1;
  /** By the prefix in the store. */
  #families: ReadonlyMap<string, readonly AnyKind[]> = new Map();

  constructor(source: KindSource) {
    this.#source = source;
  }

  /** The other kinds that share the objects of `kind`, and have the subresource (none: empty). */
  of(kind: AnyKind, subresource: string): readonly AnyKind[] {
    if (this.#generation !== this.#source.generation) {
      this.#generation = this.#source.generation;
      this.#families = Map.groupBy(this.#source.kinds(), familyOf);
    }
    const family = this.#families.get(familyOf(kind)) ?? [];
    return family.filter(
      (one) =>
        (one.group !== kind.group || one.version !== kind.version || one.plural !== kind.plural) &&
        (subresource === '' || subresourcesOf(one).some(({ name }) => name === subresource)),
    );
  }
}

/** Kinds that are never stored have a prefix too, and share nothing. */
function familyOf(kind: AnyKind): string {
  return kind.verbs.includes('get')
    ? kind.storagePrefix
    : `${kind.group}/${kind.plural}: ${kind.storagePrefix}`;
}
