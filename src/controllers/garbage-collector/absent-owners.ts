/**
 * Owners that are known to be gone: a uid never comes back, so a thousand dependents need one look.
 *
 * Upstream: pkg/controller/garbagecollector/uid_cache.go, v1.36.
 */
import type { OwnerReference } from '#api/meta/object.ts';

const ENTRIES_MAX = 500;

export class AbsentOwners {
  readonly #keys = new Set<string>();

  /** `namespace`: where the owner would be; undefined or empty for one without. */
  add(owner: OwnerReference, namespace: string | undefined): void {
    const key = keyOf(owner, namespace);
    this.#keys.delete(key);
    this.#keys.add(key);
    if (this.#keys.size <= ENTRIES_MAX) return;
    for (const oldest of this.#keys) {
      this.#keys.delete(oldest);
      return;
    }
  }

  has(owner: OwnerReference, namespace: string | undefined): boolean {
    return this.#keys.has(keyOf(owner, namespace));
  }
}

function keyOf({ apiVersion, kind, name, uid }: OwnerReference, namespace = ''): string {
  return [apiVersion, kind, namespace, name, uid].join('\u0000');
}
