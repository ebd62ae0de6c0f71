/**
 * The contract of `Store` as tests. Every implementation runs them:
 *
 *   describeStore('memory', (time) => Promise.resolve(new MemoryStore(time)));
 *
 * Each test makes a store of its own, empty, and closes it.
 */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { claim, type MakeStore, type OpenStore, put, textOf, written } from './conformance-kit.ts';
import { describePast } from './conformance-past.ts';
import { describeHistory } from './conformance-history.ts';
import { describeLeases } from './conformance-leases.ts';
import { describeWatches } from './conformance-watches.ts';
import { ManualTime } from './manual-time.ts';
import { BATCH_WRITES_MAX } from './store.ts';

export function describeStore(name: string, makeStore: MakeStore): void {
  const open: OpenStore = async (context) => {
    const time = new ManualTime();
    const store = await makeStore(time, context);
    context.after(() => store.close());
    return { store, time };
  };
  void describe(`store: ${name}`, () => {
    void describe('writes', () => {
      describeSingleWrites(open);
      describeConflicts(open);
    });
    void describe('batches', () => describeBatches(open));
    void describe('reads', () => describeReads(open));
    void describe('the past', () => describePast(open));
    void describe('history', () => describeHistory(open));
    void describe('watches', () => describeWatches(open));
    void describe('leases', () => describeLeases(open));
    void describe('close', () => describeClose(open));
  });
}

function describeSingleWrites(open: OpenStore): void {
  claim('starts at revision 1, for clients read 0 as any', async (t) => {
    const { store } = await open(t);
    assert.equal(await store.revision(), 1);
    assert.deepEqual(await store.get('/a'), { revision: 1 });
    assert.deepEqual(await store.list('/'), { items: [], revision: 1, remaining: 0 });
  });

  claim('gives back what was put, with the revisions that made and changed it', async (t) => {
    const { store } = await open(t);
    const first = await written(store, put('/a', 'one'));
    const second = await written(store, put('/a', 'two'));
    const { item, revision } = await store.get('/a');
    assert.equal(textOf(item?.value), 'two');
    assert.equal(item?.key, '/a');
    assert.equal(item?.createRevision, first);
    assert.equal(item?.modRevision, second);
    assert.equal(item?.lease, 0);
    assert.equal(revision, second);
  });

  claim('keeps any bytes, none included', async (t) => {
    const { store } = await open(t);
    const all = Uint8Array.from({ length: 256 }, (_, index) => index);
    await store.write({ type: 'put', key: '/all', value: all.subarray(0) });
    await store.write({ type: 'put', key: '/middle', value: all.subarray(100, 150) });
    await store.write({ type: 'put', key: '/none', value: new Uint8Array(0) });
    const values = (await store.list('/')).items.map((item) => [...item.value]);
    assert.deepEqual(values, [[...all], [...all.subarray(100, 150)], []]);
  });

  claim('keeps a value of 3 MiB', async (t) => {
    const { store } = await open(t);
    const value = new Uint8Array(3 * 1024 * 1024).fill(7);
    await store.write({ type: 'put', key: '/big', value });
    const { item } = await store.get('/big');
    assert.equal(Buffer.compare(item?.value ?? new Uint8Array(0), value), 0);
  });

  claim('starts a new life of a key after its deletion', async (t) => {
    const { store } = await open(t);
    const first = await written(store, put('/a', 'one'));
    const deleted = await store.write({ type: 'delete', key: '/a' });
    assert.ok(deleted.ok);
    assert.equal(deleted.previous?.modRevision, first);
    assert.equal(textOf(deleted.previous?.value), 'one');
    assert.deepEqual(await store.get('/a'), { revision: deleted.revision });
    const again = await written(store, put('/a', 'two', { expected: 0 }));
    assert.equal((await store.get('/a')).item?.createRevision, again);
  });

  claim('numbers every write with a greater revision, also those made at once', async (t) => {
    const { store } = await open(t);
    const writes = Array.from({ length: 200 }, (_, index) => put(`/k/${index % 50}`, `${index}`));
    const results = await Promise.all(writes.map((write) => store.write(write)));
    const revisions = results.map((result) => (result.ok ? result.revision : 0));
    assert.deepEqual(
      revisions,
      writes.map((_, index) => index + 2),
    );
    assert.equal(await store.revision(), 201);
    assert.equal(textOf((await store.get('/k/49')).item?.value), '199');
  });

  claim('shows a write to every read that starts after its answer', async (t) => {
    const { store } = await open(t);
    const rounds = Array.from({ length: 50 }, async (_, index) => {
      const result = await store.write(put(`/k/${index}`, 'x'));
      assert.ok(result.ok);
      const [read, list, newest] = await Promise.all([
        store.get(`/k/${index}`),
        store.list('/k/'),
        store.revision(),
      ]);
      assert.equal(read.item?.modRevision, result.revision);
      assert.ok(list.items.some((item) => item.key === `/k/${index}`));
      assert.ok(Math.min(read.revision, list.revision, newest) >= result.revision);
    });
    await Promise.all(rounds);
  });

  for (const key of ['', '/a\0b', '/\uD800']) {
    claim(`refuses the key ${JSON.stringify(key)}`, async (t) => {
      const { store } = await open(t);
      await assert.rejects(store.write(put(key, 'x')), RangeError);
      assert.equal(await store.revision(), 1);
    });
  }
}

function describeConflicts(open: OpenStore): void {
  claim('creates only what is not there', async (t) => {
    const { store } = await open(t);
    const first = await store.write(put('/a', 'one', { expected: 0 }));
    assert.ok(first.ok);
    assert.equal(first.previous, undefined);
    const second = await store.write(put('/a', 'two', { expected: 0 }));
    assert.equal(second.ok, false);
    assert.equal(textOf(second.ok ? undefined : second.current?.value), 'one');
    assert.equal(await store.revision(), first.revision);
  });

  claim('updates only the revision that it expects', async (t) => {
    const { store } = await open(t);
    const one = await written(store, put('/a', 'one'));
    const two = await store.write(put('/a', 'two', { expected: one }));
    assert.ok(two.ok);
    assert.equal(textOf(two.previous?.value), 'one');
    const late = await store.write(put('/a', 'three', { expected: one }));
    assert.ok(!late.ok);
    assert.equal(late.current?.modRevision, two.revision);
    assert.equal(textOf(late.current?.value), 'two');
  });

  claim('updates nothing that is gone', async (t) => {
    const { store } = await open(t);
    const one = await written(store, put('/a', 'one'));
    await written(store, { type: 'delete', key: '/a' });
    assert.deepEqual(await store.write(put('/a', 'two', { expected: one })), { ok: false });
  });

  claim('deletes only the revision that it expects', async (t) => {
    const { store } = await open(t);
    const one = await written(store, put('/a', 'one'));
    const two = await written(store, put('/a', 'two'));
    const late = await store.write({ type: 'delete', key: '/a', expected: one });
    assert.ok(!late.ok);
    assert.equal(late.current?.modRevision, two);
    assert.ok((await store.write({ type: 'delete', key: '/a', expected: two })).ok);
    assert.deepEqual(await store.write({ type: 'delete', key: '/a' }), { ok: false });
    assert.equal(await store.revision(), two + 1);
  });

  claim('lets one of many writers win', async (t) => {
    const { store } = await open(t);
    const one = await written(store, put('/a', 'start'));
    const rivals = Array.from({ length: 20 }, (_, index) =>
      store.write(put('/a', `${index}`, { expected: one })),
    );
    const results = await Promise.all(rivals);
    assert.equal(results.filter((result) => result.ok).length, 1);
    const winner = results.findIndex((result) => result.ok);
    for (const result of results) {
      if (!result.ok) assert.equal(textOf(result.current?.value), `${winner}`);
    }
  });
}

function describeBatches(open: OpenStore): void {
  claim('writes all in one revision', async (t) => {
    const { store } = await open(t);
    await written(store, put('/b', 'old'));
    const { ok, revision, results } = await store.batch([
      put('/a', 'new', { expected: 0 }),
      { type: 'delete', key: '/b' },
      put('/c', 'new'),
    ]);
    assert.ok(ok);
    assert.ok(results.every((result) => result.ok && result.revision === revision));
    const { items } = await store.list('/');
    assert.deepEqual(
      items.map((item) => [item.key, item.modRevision]),
      [
        ['/a', revision],
        ['/c', revision],
      ],
    );
  });

  claim('writes nothing when one does not find what it expects', async (t) => {
    const { store } = await open(t);
    const before = await written(store, put('/b', 'old'));
    const { ok, revision, results } = await store.batch([
      put('/a', 'new', { expected: 0 }),
      put('/b', 'new', { expected: before - 1 }),
    ]);
    assert.equal(ok, false);
    assert.equal(revision, before);
    assert.ok(results.every((result) => !result.ok));
    const currents = results.map((result) => (result.ok ? 'ok' : textOf(result.current?.value)));
    assert.deepEqual(currents, [undefined, 'old']);
    assert.deepEqual((await store.get('/a')).item, undefined);
  });

  claim('takes no revision when it is empty', async (t) => {
    const { store } = await open(t);
    assert.deepEqual(await store.batch([]), { ok: true, revision: 1, results: [] });
  });

  claim('refuses a key that comes twice, and more writes than are allowed', async (t) => {
    const { store } = await open(t);
    await assert.rejects(store.batch([put('/a', '1'), put('/a', '2')]), RangeError);
    const many = Array.from({ length: BATCH_WRITES_MAX + 1 }, (_, index) => put(`/${index}`, ''));
    await assert.rejects(store.batch(many), RangeError);
    await store.batch(many.slice(1));
    assert.equal(await store.count('/'), BATCH_WRITES_MAX);
  });
}

function describeReads(open: OpenStore): void {
  claim('lists the keys with the prefix, and no others', async (t) => {
    const { store } = await open(t);
    const keys = ['/pods/a', '/pods/b', '/podsx', '/pods', '/q/a', '/pod/z'];
    await written(store, ...keys.map((key) => put(key, key)));
    const { items, remaining } = await store.list('/pods/');
    assert.deepEqual(
      items.map((item) => [item.key, textOf(item.value)]),
      [
        ['/pods/a', '/pods/a'],
        ['/pods/b', '/pods/b'],
      ],
    );
    assert.equal(remaining, 0);
    assert.equal((await store.list('')).items.length, keys.length);
  });

  claim('lists in the order of bytes, not of letters or UTF-16 units', async (t) => {
    const { store } = await open(t);
    const keys = ['/a-b', '/a/b', '/a0', '/A', '/a\uFFFD', '/a\u{1F600}', '/aé', '/a'];
    await written(store, ...keys.map((key) => put(key, '')));
    const { items } = await store.list('/');
    const inOrder = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    assert.deepEqual(
      items.map((item) => item.key),
      inOrder,
    );
  });

  claim('continues behind a key, with a limit, and says how many remain', async (t) => {
    const { store } = await open(t);
    const keys = Array.from({ length: 10 }, (_, index) => `/k/${index}`);
    await written(store, ...keys.map((key) => put(key, '')), put('/l', ''));
    const page = await store.list('/k/', { limit: 4 });
    assert.deepEqual(
      page.items.map((item) => item.key),
      keys.slice(0, 4),
    );
    assert.equal(page.remaining, 6);
    const rest = await store.list('/k/', { after: '/k/3', limit: 6 });
    assert.deepEqual(
      rest.items.map((item) => item.key),
      keys.slice(4),
    );
    assert.equal(rest.remaining, 0);
    const between = await store.list('/k/', { after: '/k/77', limit: 1 });
    assert.equal(between.items[0]?.key, '/k/8');
    assert.equal(between.remaining, 1);
    assert.deepEqual((await store.list('/k/', { after: '/k/9' })).items, []);
    assert.equal((await store.list('/k/', { after: '/a' })).items.length, 10);
    assert.equal((await store.list('/k/', { limit: 0 })).items.length, 10);
  });

  claim('counts the keys with the prefix', async (t) => {
    const { store } = await open(t);
    await written(store, put('/k/1', ''), put('/k/2', ''), put('/l/1', ''));
    await written(store, { type: 'delete', key: '/k/2' });
    assert.equal(await store.count('/k/'), 1);
    assert.equal(await store.count(''), 2);
    assert.equal(await store.count('/m/'), 0);
  });

  claim('lists one moment, whatever is written meanwhile', async (t) => {
    const { store } = await open(t);
    const names = Array.from({ length: 300 }, (_, index) => `/k/${index}`);
    await written(store, ...names.map((key) => put(key, '0')));
    const lists: Promise<void>[] = [];
    for (let round = 1; round <= 20; round++) {
      const batch = store.batch(names.map((key) => put(key, `${round}`)));
      const check = async (): Promise<void> => {
        const { items, revision } = await store.list('/k/');
        const seen = new Set(items.map((item) => `${textOf(item.value)} ${item.modRevision}`));
        assert.equal(seen.size, 1, [...seen].join());
        assert.ok(items.every((item) => item.modRevision <= revision));
      };
      lists.push(check(), check());
      if (round % 3 === 0) await batch;
    }
    await Promise.all(lists);
  });
}

function describeClose(open: OpenStore): void {
  claim('ends watches with unavailable, and refuses every call after', async (t) => {
    const { store } = await open(t);
    await written(store, put('/a', ''));
    const ends: string[] = [];
    await store.watch('/', 1, { onEvents: () => {}, onEnd: (error) => ends.push(error.code) });
    await store.close();
    assert.deepEqual(ends, ['unavailable']);
    const calls = [
      () => store.get('/a'),
      () => store.list('/'),
      () => store.count('/'),
      () => store.revision(),
      () => store.write(put('/b', '')),
      () => store.batch([]),
      () => store.watch('/', 1, { onEvents: () => {}, onEnd: () => {} }),
      () => store.compact(1),
      () => store.grantLease(1000),
      () => store.keepAlive(1),
      () => store.revokeLease(1),
    ];
    for (const call of calls) await assert.rejects(call(), { code: 'unavailable' });
    await store.close();
  });

  claim('answers what was asked before, one way or the other', async (t) => {
    const { store } = await open(t);
    const asked = [
      store.write(put('/a', 'x')),
      store.list('/'),
      store.get('/a'),
      store.watch('/', 1, { onEvents: () => {}, onEnd: () => {} }),
    ];
    const settled = Promise.allSettled(asked);
    await store.close();
    for (const outcome of await settled) {
      if (outcome.status === 'rejected') assert.equal(outcome.reason.code, 'unavailable');
    }
  });

  claim('leaves no timer behind', async (t) => {
    const { store, time } = await open(t);
    await store.grantLease(1000);
    await store.close();
    assert.equal(time.pending, 0);
  });
}
