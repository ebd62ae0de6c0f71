/** The watches of a world, fed by the test: what enforces policies sees of an API server. */
import type { KubeObject } from '#api/meta/object.ts';
import type { Client, WatchEvent } from '#client/client.ts';
import { applyChange, emptyWorld, PLURALS, type PolicyWorld, type WorldChange } from './world.ts';

type Watcher = (event: WatchEvent<KubeObject>) => void;

export class WorldServer {
  readonly world: PolicyWorld = emptyWorld();
  readonly #watchers = new Map<string, Set<Watcher>>();
  #revision = 1;

  get client(): Client {
    const client: Pick<Client, 'list' | 'watch'> = {
      list: (type) => {
        const kind = Object.entries(PLURALS).find(([, plural]) => plural === type.plural);
        const objects = this.world[kind?.[0] as keyof PolicyWorld];
        const resourceVersion = String(this.#revision);
        const items = [...objects.values()].map((object) => ({
          ...object,
          metadata: { ...object.metadata, resourceVersion, uid: object.metadata?.name ?? '' },
        }));
        // Sound: each kind is listed as itself.
        return Promise.resolve({ items: items as never[], resourceVersion });
      },
      watch: (type, options, onEvent) => {
        const watchers = this.#watchers.get(type.plural) ?? new Set();
        this.#watchers.set(type.plural, watchers.add(onEvent as Watcher));
        return new Promise((resolve) =>
          options.signal?.addEventListener('abort', () => {
            watchers.delete(onEvent as Watcher);
            resolve();
          }),
        );
      },
    };
    return client as Client;
  }

  apply(...changes: readonly WorldChange[]): void {
    for (const change of changes) this.#apply(change);
  }

  #apply(change: WorldChange): void {
    const before = this.world[change.kind].get(change.key);
    applyChange(this.world, change);
    const object: KubeObject | undefined = change.object ?? before;
    if (object === undefined) return;
    const resourceVersion = String(++this.#revision);
    const metadata = { ...object.metadata, resourceVersion, uid: object.metadata?.name ?? '' };
    const type =
      change.object === undefined ? 'DELETED' : before === undefined ? 'ADDED' : 'MODIFIED';
    for (const watcher of this.#watchers.get(PLURALS[change.kind]) ?? [])
      watcher({ type, object: { ...object, metadata } });
  }
}
