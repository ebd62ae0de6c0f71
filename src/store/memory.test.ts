import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeStore } from './conformance.ts';
import { put, Recorder, written } from './conformance-kit.ts';
import { ManualTime } from './manual-time.ts';
import { MemoryStore } from './memory.ts';

describeStore('memory', (time) => Promise.resolve(new MemoryStore(time)));

describe('fork of the memory store', () => {
  it('has what was there and goes its own way', async () => {
    const store = new MemoryStore(new ManualTime());
    await written(store, put('/a', '1'));
    const fork = store.fork(new ManualTime());
    await written(store, put('/a', 'theirs'), put('/b', ''));
    await written(fork, { type: 'delete', key: '/a' });
    assert.equal(await store.count('/'), 2);
    assert.equal(await fork.count('/'), 0);
    assert.equal(await fork.revision(), 3);
    const watch = new Recorder();
    await fork.watch('/', 1, watch);
    await watch.has(2);
    assert.deepEqual(
      watch.events.map((event) => event.type),
      ['put', 'delete'],
    );
  });

  it('ends leases when they would have ended', async () => {
    const time = new ManualTime();
    const store = new MemoryStore(time);
    const lease = await store.grantLease(1000);
    await written(store, put('/a', '', { lease }));
    time.advance(600);
    const later = new ManualTime();
    const fork = store.fork(later);
    later.advance(399);
    assert.equal(await fork.count('/'), 1);
    later.advance(1);
    assert.equal(await fork.count('/'), 0);
    assert.equal(await store.count('/'), 1);
  });
});
