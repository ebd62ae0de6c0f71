/**
 * The newest state of objects: as the cache shows them, or as the controller's own last write left
 * them when the cache is behind. Two claims that look for a volume one after the other must not
 * find the same one.
 *
 * Upstream: storeObjectUpdate in pkg/controller/volume/persistentvolume/pv_controller_base.go, v1.36.
 */
import type { KubeObject } from '#api/meta/object.ts';
import { type Change, type Informer, keyOf } from '#client/informer.ts';

export class Newest<T extends KubeObject> {
  readonly #informer: Pick<Informer<T>, 'get'>;
  /** Own writes that the cache has not shown yet; each goes with the change that shows it. */
  readonly #written = new Map<string, T>();

  constructor(informer: Pick<Informer<T>, 'get'>) {
    this.#informer = informer;
  }

  get(key: string): T | undefined {
    return this.of(key, this.#informer.get(key));
  }

  /** The newest state of an object that the cache shows as `cached`. */
  of(key: string, cached: T | undefined): T | undefined {
    const written = this.#written.get(key);
    if (written === undefined || cached === undefined) return cached;
    return revisionOf(written) > revisionOf(cached) ? written : cached;
  }

  /** `object` is the server's answer to a write. */
  wrote(object: T): T {
    const key = keyOf(object);
    const cached = this.#informer.get(key);
    // What the cache does not have will come, or has gone: either way the cache knows better.
    if (cached !== undefined && revisionOf(object) > revisionOf(cached))
      this.#written.set(key, object);
    return object;
  }

  /** The cache has changed. */
  saw({ type, key, object }: Change<T>): void {
    const written = this.#written.get(key);
    if (written === undefined) return;
    if (type === 'deleted' || revisionOf(object) >= revisionOf(written)) this.#written.delete(key);
  }
}

function revisionOf({ metadata }: KubeObject): number {
  return Number(metadata?.resourceVersion ?? 0);
}
