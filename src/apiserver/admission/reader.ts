/** Reads for the server's own decisions, straight from the watch cache. */
import type { ApiObject } from '../api-object.ts';
import type { ResourceSet } from '../registry/resource-set.ts';
import type { WatchHub } from '../watch-cache/hub.ts';
import type { ObjectChange, ObjectReader } from './admission.ts';

export class CacheReader implements ObjectReader {
  readonly #hub: WatchHub;
  readonly #resources: ResourceSet;

  constructor(hub: WatchHub, resources: ResourceSet) {
    this.#hub = hub;
    this.#resources = resources;
  }

  get(
    target: { group: string; plural: string },
    namespace: string,
    name: string,
  ): ApiObject | undefined {
    const resource = this.#resources.first(target.group, target.plural);
    const entry = resource?.cache.get(resource.key(namespace, name));
    return entry === undefined ? undefined : resource?.read(entry);
  }

  *list(target: { group: string; plural: string }, namespace = ''): Generator<ApiObject> {
    const resource = this.#resources.first(target.group, target.plural);
    if (resource === undefined) return;
    for (const entry of resource.cache.range(resource.key(namespace, '')))
      yield resource.read(entry);
  }

  count(target: { group: string; plural: string }, namespace: string): number {
    const resource = this.#resources.first(target.group, target.plural);
    return resource?.cache.range(resource.key(namespace, '')).length ?? 0;
  }

  revisionOf(
    target: { group: string; plural: string },
    namespace: string,
    name: string,
  ): number | undefined {
    const resource = this.#resources.first(target.group, target.plural);
    return resource?.cache.get(resource.key(namespace, name))?.revision;
  }

  catchUp(): Promise<boolean> {
    return this.#hub.waitForNow();
  }

  follow(
    target: { group: string; plural: string },
    listener: (change: ObjectChange) => void,
  ): void {
    const resource = this.#resources.first(target.group, target.plural);
    resource?.cache.subscribe(({ type, entry }) => {
      const [name = '', namespace = ''] = entry.key
        .slice(resource.cache.prefix.length)
        .split('/')
        .toReversed();
      listener({ namespace, name, object: type === 'delete' ? undefined : resource.read(entry) });
    });
  }
}
