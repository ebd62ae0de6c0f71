/** The part of the store's contract that is about leases: keys that end with time. */
import assert from 'node:assert/strict';
import { claim, type OpenStore, put, Recorder, textOf, written } from './conformance-kit.ts';

export function describeLeases(open: OpenStore): void {
  claim('deletes the keys of a lease when it ends, and tells watches', async (t) => {
    const { store, time } = await open(t);
    const lease = await store.grantLease(10_000);
    const other = await store.grantLease(20_000);
    assert.notEqual(lease, 0);
    assert.notEqual(lease, other);
    const put1 = await written(store, put('/a', 'A', { lease }), put('/b', 'B', { lease }));
    await written(store, put('/c', 'C', { lease: other }), put('/d', 'D'));
    assert.equal((await store.get('/a')).item?.lease, lease);
    const watch = new Recorder();
    await store.watch('/', await store.revision(), watch);
    time.advance(9_999);
    assert.equal(await store.count('/'), 4);
    time.advance(1);
    await watch.has(2);
    const { items, revision } = await store.list('/');
    assert.deepEqual(
      items.map((item) => item.key),
      ['/c', '/d'],
    );
    for (const [index, key] of ['/a', '/b'].entries()) {
      const event = watch.events[index];
      assert.equal(event?.type, 'delete');
      assert.equal(event?.key, key);
      assert.equal(event?.revision, revision);
      assert.equal(event?.createRevision, put1);
      assert.equal(textOf(event?.value), key.slice(1).toUpperCase());
    }
  });

  claim('lets a lease live that is kept alive', async (t) => {
    const { store, time } = await open(t);
    const lease = await store.grantLease(1000);
    await written(store, put('/a', '', { lease }));
    for (let beat = 0; beat < 5; beat++) {
      time.advance(900);
      assert.equal(await store.keepAlive(lease), true);
    }
    assert.equal(await store.count('/'), 1);
    const watch = new Recorder();
    await store.watch('/', await store.revision(), watch);
    time.advance(1000);
    await watch.has(1);
    assert.equal(await store.keepAlive(lease), false);
    assert.equal(await store.keepAlive(lease + 1000), false);
  });

  claim('revokes a lease with its keys, once answered', async (t) => {
    const { store, time } = await open(t);
    const lease = await store.grantLease(1000);
    await written(store, put('/a', '', { lease }), put('/b', ''));
    await store.revokeLease(lease);
    assert.equal(await store.count('/'), 1);
    assert.equal(await store.keepAlive(lease), false);
    const before = await store.revision();
    await store.revokeLease(lease);
    time.advance(10_000);
    assert.equal(await store.revision(), before);
  });

  claim('takes a key off its lease with the next put', async (t) => {
    const { store } = await open(t);
    const lease = await store.grantLease(1000);
    const other = await store.grantLease(1000);
    await written(store, put('/a', '1', { lease }), put('/b', '1', { lease }));
    await written(store, put('/a', '2'), put('/b', '2', { lease: other }));
    await store.revokeLease(lease);
    assert.equal(await store.count('/'), 2);
    assert.equal((await store.get('/a')).item?.lease, 0);
    assert.equal((await store.get('/b')).item?.lease, other);
    await store.revokeLease(other);
    assert.equal(await store.count('/'), 1);
  });

  claim('refuses a put on a lease that is not known, and the batch with it', async (t) => {
    const { store } = await open(t);
    const lease = await store.grantLease(1000);
    await store.revokeLease(lease);
    await assert.rejects(store.write(put('/a', '', { lease })), { code: 'lease' });
    await assert.rejects(store.batch([put('/b', ''), put('/a', '', { lease: 99 })]), {
      code: 'lease',
    });
    assert.equal(await store.revision(), 1);
  });

  claim('takes no revision for a lease without keys', async (t) => {
    const { store, time } = await open(t);
    const lease = await store.grantLease(1000);
    const revoked = await store.grantLease(1000);
    await store.revokeLease(revoked);
    time.advance(1000);
    assert.equal(await store.keepAlive(lease), false);
    assert.equal(await store.revision(), 1);
  });

  claim('forgets a deleted key, so that its next life does not hang on the lease', async (t) => {
    const { store } = await open(t);
    const lease = await store.grantLease(1000);
    await written(store, put('/a', '', { lease }));
    await written(store, { type: 'delete', key: '/a' });
    await written(store, put('/a', ''));
    await store.revokeLease(lease);
    assert.equal(await store.count('/'), 1);
  });

  claim('ends a lease of many keys', async (t) => {
    const { store } = await open(t);
    const lease = await store.grantLease(1000);
    for (let part = 0; part < 3; part++) {
      const puts = Array.from({ length: 1000 }, (_, index) =>
        put(`/${part}/${index}`, '', { lease }),
      );
      await written(store, ...puts);
    }
    await store.revokeLease(lease);
    assert.equal(await store.count('/'), 0);
  });
}
