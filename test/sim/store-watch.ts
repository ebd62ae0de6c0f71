/**
 * Every change of a simulated world. It reads the store itself: there all kinds have one order,
 * nothing is late, and a restart of the API server is not seen.
 */
import type { KubeObject } from '#api/meta/object.ts';
import { keyOf } from '#client/informer.ts';
import type { MemoryStore } from '#store/memory.ts';
import type { StoreChange } from './stage.ts';

const ROOT = '/registry/';

export async function watchStore(
  store: MemoryStore,
  handlers: {
    readonly onChange: (change: StoreChange) => void;
    readonly violated: (text: string) => void;
  },
): Promise<void> {
  let last = await store.revision();
  await store.watch(ROOT, last, {
    onEvents(events, revision) {
      for (const { type, key, value } of events) {
        const [, , resource = ''] = key.split('/');
        const object = JSON.parse(Buffer.from(value).toString()) as KubeObject;
        handlers.onChange({ resource, type, key: keyOf(object), object });
      }
      if (revision < last) handlers.violated(`the store went back from ${last} to ${revision}`);
      last = revision;
    },
    onEnd: (error) => handlers.violated(`the store's watch ended: ${error.message}`),
  });
}
