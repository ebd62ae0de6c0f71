/** Who is claimed, adopted, released, or left alone. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { REPLICA_SET } from '#api/apps/replica-set.ts';
import { POD } from '#api/core/pod.ts';
import type { ReplicaSet } from '#api/gen/apps-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { selectorOf } from '#api/meta/labels.ts';
import { notFound } from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';
import { type Informer, keyOf } from '#client/informer.ts';
import { ObjectCache } from '#client/object-cache.ts';
import { pod, replicaSet } from '#kit/builders.ts';
import { claim, CONTROLLER_INDEX, controllerIndex } from './claim.ts';

interface World {
  /** The owner as the server has it; undefined: gone. */
  readonly live?: ReplicaSet | undefined;
  readonly owner?: ReplicaSet;
  readonly filter?: (pod: Pod) => boolean;
}

/** An informer whose cache has these Pods. */
function informerOf(pods: readonly Pod[]): Informer<Pod> {
  const cache = new ObjectCache<Pod>();
  cache.index(CONTROLLER_INDEX, controllerIndex);
  for (const each of pods) cache.set(keyOf(each), each);
  const byIndex = (name: string, value: string): Pod[] => cache.byIndex(name, value);
  return { type: POD, byIndex } as unknown as Informer<Pod>;
}

/** Claims for the ReplicaSet `web`; answers who is claimed and what was patched. */
async function claimed(
  words: readonly string[],
  world: World = {},
): Promise<{ names: string[]; patches: string[] }> {
  const owner = world.owner ?? replicaSet('web');
  const pods = words.map(pod);
  const patches: string[] = [];
  const client = {
    get: () => {
      const live = 'live' in world ? world.live : owner;
      return live === undefined
        ? Promise.reject(notFound({ group: 'apps', resource: 'replicasets' }, 'web'))
        : Promise.resolve(live);
    },
    patch: (_type: unknown, target: { name: string }, _patchType: string, patch: Pod) => {
      const reference = patch.metadata?.ownerReferences?.[0];
      patches.push(
        `${reference !== undefined && '$patch' in reference ? 'release' : 'adopt'} ${target.name}`,
      );
      return Promise.resolve({});
    },
  } as unknown as Client;
  const informer = informerOf(pods);
  const found = await claim<Pod, ReplicaSet>({
    client,
    informer,
    owner,
    ownerType: REPLICA_SET,
    selector: selectorOf({ matchLabels: { app: 'web' } }),
    ...(world.filter === undefined ? {} : { options: { filter: world.filter } }),
  });
  return { names: found.map(({ metadata }) => metadata?.name ?? ''), patches };
}

const going: ReplicaSet = {
  ...replicaSet('web'),
  metadata: { ...replicaSet('web').metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
};
const successor: ReplicaSet = {
  ...replicaSet('web'),
  metadata: { ...replicaSet('web').metadata, uid: 'another' },
};

describe('claim with finalizers', () => {
  it('gives them to what it adopts, and takes them from what it releases', async () => {
    const patches: Record<string, unknown>[] = [];
    const owner = replicaSet('web');
    const pods = ['a', 'b owner=web app=db'].map(pod);
    const client = {
      get: () => Promise.resolve(owner),
      patch: (_type: unknown, _target: unknown, _kind: string, patch: { metadata: object }) => {
        patches.push({ ...patch.metadata });
        return Promise.resolve({});
      },
    } as unknown as Client;
    const informer = informerOf(pods);
    const selector = selectorOf({ matchLabels: { app: 'web' } });
    const options = { finalizers: ['example.com/hold'] };
    const parts = { client, informer, owner, ownerType: REPLICA_SET, selector, options };
    await claim<Pod, ReplicaSet>(parts);
    const [adopted, released] = patches.sort((a) => ('finalizers' in a ? -1 : 1));
    assert.deepEqual(adopted?.['finalizers'], ['example.com/hold']);
    assert.deepEqual(released?.['$deleteFromPrimitiveList/finalizers'], ['example.com/hold']);
  });
});

describe('claim', () => {
  const rows: readonly [
    claim: string,
    pods: readonly string[],
    world: World,
    names: readonly string[],
    patches: readonly string[],
  ][] = [
    ['keeps its own that match', ['a owner=web'], {}, ['a'], []],
    ['releases its own that no longer match', ['a owner=web app=db'], {}, [], ['release a']],
    ['adopts orphans that match', ['a'], {}, ['a'], ['adopt a']],
    ['leaves orphans that do not match', ['a app=db'], {}, [], []],
    ['leaves what others control', ['a owner=db'], {}, [], []],
    ['leaves orphans that are being deleted', ['a deleted'], {}, [], []],
    ['leaves what is filtered out', ['a', 'b owner=web app=db'], { filter: () => false }, [], []],
    ['adopts nothing when it is being deleted', ['a', 'b owner=web'], { owner: going }, ['b'], []],
    ['releases nothing when it is being deleted', ['a owner=web app=db'], { owner: going }, [], []],
    [
      'adopts nothing when it is being deleted, though the server does not know yet',
      ['a'],
      { owner: going, live: replicaSet('web') },
      [],
      [],
    ],
    [
      'answers what it adopted in the order of names too',
      ['b owner=web', 'a', 'c owner=web'],
      {},
      ['a', 'b', 'c'],
      ['adopt a'],
    ],
    [
      'answers in the order of names',
      ['b owner=web', 'c', 'a owner=web'],
      {},
      ['a', 'b', 'c'],
      ['adopt c'],
    ],
  ];
  for (const [text, pods, world, names, patches] of rows) {
    it(text, async () => assert.deepEqual(await claimed(pods, world), { names, patches }));
  }
});

describe('claim for an owner that the server knows otherwise', () => {
  const deleted = 'default/web has just been deleted at 2026-01-01T00:00:00Z';
  const rows: readonly [claim: string, live: ReplicaSet | undefined, why: string][] = [
    ['gone', undefined, 'replicasets.apps "web" not found'],
    ['going', going, deleted],
    [
      'another of that name',
      successor,
      'original ReplicaSet default/web is gone: got uid another, wanted web',
    ],
  ];
  for (const [claim, live, message] of rows) {
    it(`fails when there is somebody to adopt, and otherwise asks nothing: ${claim}`, async () => {
      await assert.rejects(claimed(['a', 'b owner=web'], { live }), { message });
      assert.deepEqual(await claimed(['b owner=web'], { live }), { names: ['b'], patches: [] });
    });
  }
});
