/**
 * The quotas of each namespace, from the watch cache; where the cache does not show yet what this
 * server has written, as it has written them.
 *
 * Upstream: staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota/resource_access.go, v1.36.
 */
import type { ResourceQuota } from '#api/gen/core-v1.ts';
import type { ObjectReader } from '../admission.ts';
import { RESOURCE_QUOTAS } from '../targets.ts';

/** So many written quotas are kept; of one that was dropped the next write conflicts, and is redone. */
const WRITTEN_MAX = 100;

export class NamespaceQuotas {
  readonly #reader: ObjectReader;
  /** By namespace and name. Made when first asked for: the cache is loaded by then. */
  #cached: Map<string, Map<string, ResourceQuota>> | undefined;
  /** By uid. */
  readonly #written = new Map<string, ResourceQuota>();

  constructor(reader: ObjectReader) {
    this.#reader = reader;
  }

  /** Whether there is any: all that a write costs in a namespace without. */
  has(namespace: string): boolean {
    return this.#all().has(namespace);
  }

  /** By name. */
  of(namespace: string): ResourceQuota[] {
    const quotas = [...(this.#all().get(namespace)?.values() ?? [])];
    return quotas
      .map((quota) => this.#newest(quota))
      .toSorted((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1));
  }

  noteWritten(quota: ResourceQuota): void {
    const uid = quota.metadata?.uid ?? '';
    this.#written.delete(uid);
    const oldest =
      this.#written.size >= WRITTEN_MAX ? this.#written.keys().next().value : undefined;
    if (oldest !== undefined) this.#written.delete(oldest);
    this.#written.set(uid, quota);
  }

  #newest(cached: ResourceQuota): ResourceQuota {
    const uid = cached.metadata?.uid ?? '';
    const written = this.#written.get(uid);
    if (written === undefined) return cached;
    if (versionOf(written) > versionOf(cached)) return written;
    this.#written.delete(uid);
    return cached;
  }

  #all(): Map<string, Map<string, ResourceQuota>> {
    if (this.#cached !== undefined) return this.#cached;
    this.#cached = new Map();
    for (const quota of this.#reader.list(RESOURCE_QUOTAS))
      this.#see(quota.metadata?.namespace ?? '', nameOf(quota), quota);
    this.#reader.follow(RESOURCE_QUOTAS, ({ namespace, name, object }) =>
      this.#see(namespace, name, object),
    );
    return this.#cached;
  }

  #see(namespace: string, name: string, quota: ResourceQuota | undefined): void {
    const quotas = this.#cached?.get(namespace) ?? new Map<string, ResourceQuota>();
    if (quota === undefined) quotas.delete(name);
    else quotas.set(name, quota);
    if (quotas.size === 0) this.#cached?.delete(namespace);
    else this.#cached?.set(namespace, quotas);
  }
}

function nameOf({ metadata }: ResourceQuota): string {
  return metadata?.name ?? '';
}

/** Revisions of one store can be compared. */
function versionOf({ metadata }: ResourceQuota): number {
  return Number(metadata?.resourceVersion ?? 0);
}
