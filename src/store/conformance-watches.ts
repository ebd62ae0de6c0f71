/** The part of the store's contract that is about watches: in order, once, without a gap. */
import assert from 'node:assert/strict';
import { claim, type OpenStore, put, Recorder, textOf, written } from './conformance-kit.ts';
import type { StoreError, StoreEvent } from './store.ts';

const shape = (event: StoreEvent): unknown[] => [
  event.type,
  event.key,
  textOf(event.value),
  event.revision,
  event.createRevision,
  textOf(event.previous),
];

export function describeWatches(open: OpenStore): void {
  claim('tells of the past and then of the present, with previous values', async (t) => {
    const { store } = await open(t);
    await written(store, put('/k/a', '1')); // 2
    await written(store, put('/k/a', '2')); // 3
    await written(store, put('/other', 'x')); // 4
    await written(store, { type: 'delete', key: '/k/a' }); // 5
    const watch = new Recorder();
    await store.watch('/k/', 2, watch);
    await written(store, put('/k/a', '3')); // 6
    await written(store, put('/k/b', '1')); // 7
    await written(store, { type: 'delete', key: '/k/b' }); // 8
    await watch.has(5);
    assert.deepEqual(watch.events.map(shape), [
      ['put', '/k/a', '2', 3, 2, '1'],
      ['delete', '/k/a', '2', 5, 2, '2'],
      ['put', '/k/a', '3', 6, 6, undefined],
      ['put', '/k/b', '1', 7, 7, undefined],
      ['delete', '/k/b', '1', 8, 7, '1'],
    ]);
  });

  claim('tells of one batch in one call, in the order of the batch', async (t) => {
    const { store } = await open(t);
    const batch = [put('/k/b', '1'), put('/x', ''), put('/k/a', '1')];
    const past = await written(store, ...batch);
    const watch = new Recorder();
    await store.watch('/k/', 1, watch);
    const now = await written(store, { type: 'delete', key: '/k/a' }, put('/k/b', '2'));
    await watch.has(4);
    assert.deepEqual(
      watch.calls.map((call) => [call.revision, call.events.map((event) => event.key)]),
      [
        [past, ['/k/b', '/k/a']],
        [now, ['/k/a', '/k/b']],
      ],
    );
  });

  claim('loses nothing and repeats nothing where past and present meet', async (t) => {
    const { store } = await open(t);
    const recorders: { from: number; recorder: Recorder }[] = [];
    const total = 400;
    const writes: Promise<unknown>[] = [];
    for (let index = 0; index < total; index++) {
      writes.push(store.write(put(`/k/${index % 7}`, `${index}`)));
      if (index % 20 !== 0) continue;
      const from = await store.revision();
      const recorder = new Recorder();
      recorders.push({ from, recorder });
      writes.push(store.watch('/k/', Math.max(1, from - (index % 60)), recorder));
      recorders.push({ from: 1, recorder: new Recorder() });
      const all = recorders.at(-1);
      if (all !== undefined) writes.push(store.watch('/k/', 1, all.recorder));
    }
    await Promise.all(writes);
    for (const { from, recorder } of recorders) {
      await recorder.has(total + 1 - from);
      const revisions = recorder.events.map((event) => event.revision);
      const start = revisions[0] ?? 0;
      assert.ok(start <= from + 1);
      assert.deepEqual(
        revisions,
        Array.from({ length: total + 2 - start }, (_, index) => start + index),
      );
      for (const event of recorder.events)
        assert.equal(textOf(event.value), `${event.revision - 2}`);
    }
  });

  claim('has told a watch of every revision that a call answers with', async (t) => {
    const { store } = await open(t);
    const watch = new Recorder();
    await store.watch('/', 1, watch);
    const told = (): number => watch.calls.at(-1)?.revision ?? 1;
    const rounds = Array.from({ length: 60 }, async (_, index) => {
      const key = `/k/${index}`;
      const result = await store.write(put(key, ''));
      assert.ok(result.ok && told() >= result.revision, 'write');
      const reads = [
        store.revision().then((revision) => assert.ok(told() >= revision, 'revision')),
        store.get(key).then(({ revision }) => assert.ok(told() >= revision, 'get')),
        store.list('/k/').then(({ revision }) => assert.ok(told() >= revision, 'list')),
      ];
      await Promise.all(reads);
    });
    const readers = Array.from({ length: 60 }, async () => {
      const { revision, items } = await store.list('/k/');
      assert.ok(told() >= revision, 'list beside writes');
      assert.ok(items.every((item) => item.modRevision <= revision));
    });
    await Promise.all([...rounds, ...readers]);
  });

  claim('is silent after it was closed', async (t) => {
    const { store } = await open(t);
    const watch = new Recorder();
    const other = new Recorder();
    const handle = await store.watch('/', 1, watch);
    await store.watch('/', 1, other);
    await written(store, put('/a', '1'));
    await other.has(1);
    handle.close();
    handle.close();
    await written(store, put('/a', '2'));
    await other.has(2);
    assert.equal(watch.events.length, 1);
    assert.equal(watch.ended, undefined);
  });

  claim('may be closed, and the store written, from within a handler', async (t) => {
    const { store } = await open(t);
    const seen: number[] = [];
    const other = new Recorder();
    await store.watch('/', 1, other);
    const handle = await store.watch('/a', 1, {
      onEvents(events, revision) {
        seen.push(revision);
        handle.close();
        void store.write(put('/b', 'from the handler'));
        assert.equal(events.length, 1);
      },
      onEnd() {},
    });
    await written(store, put('/a', '1'));
    await written(store, put('/a', '2'));
    await other.has(3);
    assert.equal(seen.length, 1);
    const revisions = other.calls.map((call) => call.revision);
    assert.deepEqual(
      revisions,
      revisions.toSorted((a, b) => a - b),
    );
  });

  claim('tells a watch that is opened by a handler nothing twice', async (t) => {
    const { store } = await open(t);
    const inner = new Recorder();
    const outer = new Recorder();
    await store.watch('/', 1, {
      onEvents(_, revision) {
        if (revision === 3) void store.watch('/', revision, inner);
      },
      onEnd() {},
    });
    await store.watch('/', 1, outer);
    for (const value of ['2', '3', '4', '5']) await written(store, put('/a', value));
    await outer.has(4);
    await inner.has(2);
    assert.deepEqual(
      inner.calls.map(({ revision }) => revision),
      [4, 5],
    );
  });

  claim('refuses to start in the future or before the compaction', async (t) => {
    const { store } = await open(t);
    await written(store, put('/a', '1'));
    await written(store, put('/a', '2'));
    const newest = await written(store, put('/a', '3'));
    await assert.rejects(store.watch('/', newest + 1, new Recorder()), { code: 'future' });
    await store.compact(newest - 1);
    await assert.rejects(store.watch('/', newest - 2, new Recorder()), { code: 'compacted' });
    const watch = new Recorder();
    await store.watch('/', newest - 1, watch);
    await watch.has(1);
    assert.deepEqual(watch.events.map(shape), [['put', '/a', '3', newest, 2, '2']]);
  });

  claim('is whole or ends with compacted when compaction overtakes it', async (t) => {
    const { store } = await open(t);
    const count = 3000;
    for (let from = 0; from < count; from += 500) {
      const part = Array.from({ length: 500 }, (_, index) =>
        store.write(put('/a', `${from + index}`)),
      );
      await Promise.all(part);
    }
    const watch = new Recorder();
    await store.watch('/', 1, watch);
    await store.compact(await store.revision());
    await written(store, put('/a', 'last'));
    await watch.has(count + 1).catch((error: StoreError) => assert.equal(error.code, 'compacted'));
    const revisions = watch.events.map((event) => event.revision);
    assert.deepEqual(
      revisions,
      revisions.map((_, index) => index + 2),
    );
    if (watch.ended === undefined) assert.equal(revisions.length, count + 1);
  });

  claim('goes on through a compaction when it is not behind', async (t) => {
    const { store } = await open(t);
    const watch = new Recorder();
    await store.watch('/', 1, watch);
    await written(store, put('/a', '1'));
    const newest = await written(store, put('/a', '2'));
    await watch.has(2);
    await store.compact(newest);
    await written(store, put('/a', '3'));
    await watch.has(3);
    assert.equal(watch.ended, undefined);
    assert.equal(textOf(watch.events[2]?.previous), '2');
  });
}
