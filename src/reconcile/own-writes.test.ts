/** When a key must wait for its own writes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject } from '#api/meta/object.ts';
import type { ResourceType } from '#client/client.ts';
import type { Informer } from '#client/informer.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { OwnWrites } from './own-writes.ts';
import { slowStart } from './slow-start.ts';

const POD: ResourceType<KubeObject> = {
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  namespaced: true,
};
const NODE: ResourceType<KubeObject> = {
  group: '',
  version: 'v1',
  kind: 'Node',
  plural: 'nodes',
  namespaced: false,
};

function world(): {
  environment: VirtualEnvironment;
  gate: OwnWrites;
  cache: { revision: number; objects: Map<string, KubeObject> };
} {
  const environment = new VirtualEnvironment();
  const cache = { revision: 10, objects: new Map<string, KubeObject>() };
  const informer = {
    type: POD,
    get resourceVersion() {
      return cache.revision;
    },
    get: (key: string) => cache.objects.get(key),
  } as unknown as Informer<KubeObject>;
  const gate = new OwnWrites(environment.clock);
  gate.track(informer);
  return { environment, gate, cache };
}

const at = (resourceVersion: string): KubeObject => ({ metadata: { resourceVersion } });

describe('OwnWrites', () => {
  it('holds a key until the cache has seen its last write, and no other key', () => {
    const { gate, cache } = world();
    gate.wrote('a', POD, at('11'));
    gate.wrote('a', POD, at('15'));
    assert.deepEqual([gate.holds('a'), gate.holds('b')], [true, false]);
    assert.deepEqual([gate.staleType('a'), gate.staleType('b')], [POD, undefined]);
    cache.revision = 14;
    assert.equal(gate.holds('a'), true);
    cache.revision = 15;
    assert.equal(gate.holds('a'), false);
  });

  it('does not wait for what the cache has seen, nor for collections that nobody watches', () => {
    const { gate } = world();
    gate.wrote('a', POD, at('10'));
    gate.wrote('a', NODE, at('99'));
    assert.equal(gate.holds('a'), false);
  });

  it('waits until a deleted object is gone, marked, or another', () => {
    for (const after of [
      undefined,
      { metadata: { uid: 'u', deletionTimestamp: 'now' } },
      { metadata: { uid: 'v' } },
    ]) {
      const { gate, cache } = world();
      cache.objects.set('shop/web', { metadata: { uid: 'u' } });
      gate.deleted('a', POD, { name: 'web', namespace: 'shop' });
      assert.equal(gate.holds('a'), true);
      assert.equal(gate.staleType('a'), POD);
      if (after === undefined) cache.objects.delete('shop/web');
      else cache.objects.set('shop/web', after);
      assert.equal(gate.holds('a'), false);
    }
  });

  it('gives up after five minutes', async () => {
    const { gate, environment } = world();
    gate.wrote('a', POD, at('11'));
    await environment.advance(299_999);
    assert.equal(gate.holds('a'), true);
    assert.equal(gate.expiresInMs('a'), 1);
    await environment.advance(1);
    assert.equal(gate.holds('a'), false);
  });
});

describe('slowStart', () => {
  it('doubles its batches, and ends after the first with a failure', async () => {
    const tried: number[] = [];
    const outcome = await slowStart(100, (nth) => {
      tried.push(nth);
      return nth === 4 ? Promise.reject(new Error('quota')) : Promise.resolve();
    });
    assert.equal(tried.length, 7);
    assert.deepEqual([outcome.succeeded, outcome.failure?.message], [6, 'quota']);
  });

  it('does all when all goes well, and nothing when there is nothing', async () => {
    assert.deepEqual(await slowStart(10, () => Promise.resolve()), { succeeded: 10, failed: 0 });
    assert.deepEqual(await slowStart(0, () => Promise.resolve()), { succeeded: 0, failed: 0 });
  });
});
