/** Informers against a scripted client: what a real server rarely does is what matters here. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject } from '#api/meta/object.ts';
import { gone, internalError } from '#api/meta/status.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import type {
  Client,
  List,
  ListOptions,
  ResourceType,
  WatchEvent,
  WatchOptions,
} from './client.ts';
import { Informer } from './informer.ts';
import { InformerFactory } from './informer-factory.ts';

const Pod: ResourceType<KubeObject> = {
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  namespaced: true,
};

function pod(name: string, revision: number, labels: Record<string, string> = {}): KubeObject {
  const meta = { name, namespace: 'shop', uid: name, resourceVersion: String(revision), labels };
  return { metadata: meta };
}

interface OpenWatch {
  readonly options: WatchOptions;
  readonly emit: (type: WatchEvent<KubeObject>['type'], object: KubeObject) => void;
  readonly end: (error?: Error) => void;
}

/** A server whose list is `objects`, and whose watches the test feeds by hand. */
class ScriptedServer {
  objects: KubeObject[] = [];
  revision = 10;
  pageSize = 500;
  lists: ListOptions[] = [];
  watches: OpenWatch[] = [];
  listError: Error | undefined;

  readonly client = {
    list: (_type: unknown, options: ListOptions = {}): Promise<List<KubeObject>> => {
      this.lists.push(options);
      if (this.listError !== undefined) return Promise.reject(this.listError);
      const start = Number(options.continue ?? 0);
      const end = start + this.pageSize;
      const more = end < this.objects.length ? { continue: String(end) } : {};
      const items = structuredClone(this.objects.slice(start, end));
      return Promise.resolve({ items, resourceVersion: String(this.revision), ...more });
    },
    watch: (
      _type: unknown,
      options: WatchOptions,
      onEvent: (event: WatchEvent<KubeObject>) => void,
    ): Promise<void> =>
      new Promise((resolve, reject) => {
        const emit: OpenWatch['emit'] = (type, object) =>
          onEvent({ type, object } as WatchEvent<KubeObject>);
        const end = (error?: Error): void => (error === undefined ? resolve() : reject(error));
        options.signal?.addEventListener('abort', () => resolve());
        this.watches.push({ options, emit, end });
      }),
  } as unknown as Client;
}

interface World {
  readonly server: ScriptedServer;
  readonly environment: VirtualEnvironment;
  readonly informer: Informer<KubeObject>;
  readonly changes: string[];
  readonly stop: AbortController;
}

async function world(prepare: (server: ScriptedServer) => void = () => {}): Promise<World> {
  const server = new ScriptedServer();
  prepare(server);
  const environment = new VirtualEnvironment();
  const informer = new Informer({ client: server.client, environment, type: Pod });
  const changes: string[] = [];
  informer.onChange((change) => changes.push(`${change.type} ${change.key}`));
  const stop = new AbortController();
  informer.start(stop.signal);
  await environment.runUntilIdle();
  return { server, environment, informer, changes, stop };
}

describe('Informer', () => {
  it('is synced when all pages of the list are in the cache', async () => {
    const { informer, server } = await world((to) => {
      to.objects = [pod('a', 1), pod('b', 2), pod('c', 3)];
      to.pageSize = 2;
    });
    assert.equal(informer.hasSynced, true);
    assert.deepEqual(
      informer.list('shop').map((object) => object.metadata?.name),
      ['a', 'b', 'c'],
    );
    assert.equal(informer.resourceVersion, 10);
    assert.equal(server.watches[0]?.options.resourceVersion, '10');
  });

  it('applies events in order and tells each change with what was before', async () => {
    const { informer, server, changes } = await world();
    const seen: (string | undefined)[] = [];
    informer.onChange((change) => seen.push(change.previous?.metadata?.resourceVersion));
    server.watches[0]?.emit('ADDED', pod('a', 11));
    server.watches[0]?.emit('MODIFIED', pod('a', 12));
    server.watches[0]?.emit('DELETED', pod('a', 13));
    assert.deepEqual(changes, ['added shop/a', 'modified shop/a', 'deleted shop/a']);
    assert.deepEqual(seen, [undefined, '11', '12']);
    assert.equal(informer.get('shop/a'), undefined);
    assert.equal(informer.resourceVersion, 13);
  });

  it('counts a bookmark as seen, and goes on from it', async () => {
    const { informer, server, environment } = await world();
    let told = 0;
    informer.onRevision(() => told++);
    server.watches[0]?.emit('BOOKMARK', { metadata: { resourceVersion: '99' } });
    assert.equal(informer.resourceVersion, 99);
    assert.equal(told, 1);
    assert.deepEqual(informer.list(), []);
    server.watches[0]?.end();
    await environment.runUntilIdle();
    assert.equal(server.watches[1]?.options.resourceVersion, '99');
    assert.equal(server.lists.length, 1, 'a resumed watch needs no list');
  });

  it('lists again after 410 and tells the differences, deletions too', async () => {
    const { server, environment, informer, changes } = await world((to) => {
      to.objects = [pod('stays', 1), pod('goes', 2), pod('changes', 3)];
    });
    changes.length = 0;
    server.objects = [pod('stays', 1), pod('changes', 20), pod('comes', 21)];
    server.revision = 30;
    server.watches[0]?.end(gone('too old resource version'));
    await environment.advance(2_000);
    assert.deepEqual(changes.toSorted(), [
      'added shop/comes',
      'deleted shop/goes',
      'modified shop/changes',
    ]);
    assert.equal(informer.resourceVersion, 30);
    assert.equal(server.watches[1]?.options.resourceVersion, '30');
  });

  it('resumes a watch that brought something at once when its line breaks, every time', async () => {
    const { server, environment, informer } = await world();
    for (let i = 0; i < 9; i++) {
      const watch = server.watches.at(-1);
      watch?.emit('ADDED', pod(`p${i}`, 11 + i));
      watch?.end(new Error('connection reset'));
      await environment.advance(0);
      assert.equal(server.watches.length, i + 2);
    }
    assert.equal(server.lists.length, 1);
    assert.equal(informer.list().length, 9);
  });

  it('backs off from the beginning when the server refuses a watch that brought something', async () => {
    const { server, environment } = await world();
    for (let i = 0; i < 5; i++) {
      const watch = server.watches.at(-1);
      const count = server.watches.length;
      watch?.emit('ADDED', pod(`p${i}`, 11 + i));
      watch?.end(internalError('etcdserver: no leader'));
      await environment.advance(0);
      assert.equal(server.watches.length, count);
      await environment.advance(1_600);
      assert.equal(server.watches.length, count + 1);
    }
  });

  it('resumes a watch that brought nothing without a list, after a back-off that grows to 60 s', async () => {
    const { server, environment } = await world();
    const delays: number[] = [];
    for (let i = 0; i < 9; i++) {
      const beforeMs = environment.elapsedMs;
      server.watches.at(-1)?.end(new Error('connection refused'));
      const count = server.watches.length;
      await environment.until(() => server.watches.length > count);
      delays.push(environment.elapsedMs - beforeMs);
    }
    assert.equal(server.lists.length, 1);
    assert.ok(delays[0]! >= 800 && delays[0]! <= 1_600, `first ${delays[0]}`);
    assert.ok(delays[8]! >= 30_000 && delays[8]! <= 60_000, `last ${delays[8]}`);
  });

  it('keeps trying to list until the server answers', async () => {
    const { server, environment, informer } = await world((to) => {
      to.listError = new Error('connection refused');
    });
    await environment.advance(60_000);
    assert.equal(informer.hasSynced, false);
    server.listError = undefined;
    await environment.resolve(informer.synced());
    assert.equal(informer.hasSynced, true);
  });

  it('keeps an index through changes and deletions', async () => {
    const { server, informer } = await world((to) => {
      to.objects = [pod('a', 1, { node: 'n1' })];
    });
    informer.index('node', (object) => [object.metadata?.labels?.['node'] ?? '']);
    const on = (node: string): (string | undefined)[] =>
      informer.byIndex('node', node).map((object) => object.metadata?.name);
    server.watches[0]?.emit('ADDED', pod('b', 11, { node: 'n1' }));
    assert.deepEqual(on('n1'), ['a', 'b']);
    server.watches[0]?.emit('MODIFIED', pod('a', 12, { node: 'n2' }));
    assert.deepEqual([on('n1'), on('n2')], [['b'], ['a']]);
    server.watches[0]?.emit('DELETED', pod('b', 13, { node: 'n1' }));
    assert.deepEqual(on('n1'), []);
  });

  it('goes on when a change handler throws, and logs it', async () => {
    const { server, informer, environment, changes } = await world();
    informer.onChange(() => {
      throw new Error('bad handler');
    });
    server.watches[0]?.emit('ADDED', pod('a', 11));
    server.watches[0]?.emit('ADDED', pod('b', 12));
    assert.deepEqual(changes, ['added shop/a', 'added shop/b']);
    assert.equal(environment.lines('error').length, 2);
  });

  it('tells nothing more after it was stopped', async () => {
    const { server, stop, changes } = await world();
    stop.abort();
    server.watches[0]?.emit('ADDED', pod('late', 11));
    assert.deepEqual(changes, []);
  });
});

describe('InformerFactory', () => {
  it('shares one informer among those who select the same', () => {
    const environment = new VirtualEnvironment();
    const factory = new InformerFactory({ client: new ScriptedServer().client, environment });
    assert.equal(factory.for(Pod), factory.for(Pod));
    assert.notEqual(factory.for(Pod), factory.for(Pod, { namespace: 'shop' }));
    assert.notEqual(factory.for(Pod), factory.for(Pod, { fieldSelector: 'spec.nodeName=n1' }));
  });
});
