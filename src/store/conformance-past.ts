/** The part of the store's contract that is about the past: reads at a revision, compaction. */
import assert from 'node:assert/strict';
import { claim, type OpenStore, put, textOf, written } from './conformance-kit.ts';
import type { ListResult, Store } from './store.ts';

const keysOf = (list: ListResult): string[] => list.items.map((item) => item.key);

export function describePast(open: OpenStore): void {
  claim('reads a key as it was at any revision', async (t) => {
    const { store } = await open(t);
    const one = await written(store, put('/a', 'one'));
    const two = await written(store, put('/a', 'two'));
    const gone = await written(store, { type: 'delete', key: '/a' });
    const again = await written(store, put('/a', 'again'));
    const at = async (revision: number): Promise<unknown[]> => {
      const read = await store.get('/a', { revision });
      assert.equal(read.revision, revision);
      return [textOf(read.item?.value), read.item?.createRevision, read.item?.modRevision];
    };
    assert.deepEqual(await at(one - 1), [undefined, undefined, undefined]);
    assert.deepEqual(await at(one), ['one', one, one]);
    assert.deepEqual(await at(two), ['two', one, two]);
    assert.deepEqual(await at(gone), [undefined, undefined, undefined]);
    assert.deepEqual(await at(again), ['again', again, again]);
  });

  claim('lists a prefix as it was, page by page', async (t) => {
    const { store } = await open(t);
    await written(store, put('/k/a', '1'), put('/k/b', '1'), put('/k/c', '1'), put('/k/d', '1'));
    const then = await written(store, put('/k/b', '2'), put('/j', ''), put('/l', ''));
    await written(store, { type: 'delete', key: '/k/c' });
    await written(store, put('/k/aa', 'new'), put('/k/d', '2'));
    const first = await store.list('/k/', { revision: then, limit: 2 });
    assert.deepEqual(keysOf(first), ['/k/a', '/k/b']);
    assert.deepEqual([first.revision, first.remaining], [then, 2]);
    assert.equal(textOf(first.items[1]?.value), '2');
    const rest = await store.list('/k/', { revision: then, after: '/k/b', limit: 2 });
    assert.deepEqual(keysOf(rest), ['/k/c', '/k/d']);
    assert.deepEqual([rest.revision, rest.remaining], [then, 0]);
    assert.equal(textOf(rest.items[1]?.value), '1');
    assert.deepEqual(keysOf(await store.list('/k/')), ['/k/a', '/k/aa', '/k/b', '/k/d']);
  });

  claim('refuses revisions in the future', async (t) => {
    const { store } = await open(t);
    const newest = await written(store, put('/a', ''));
    await assert.rejects(store.get('/a', { revision: newest + 1 }), { code: 'future' });
    await assert.rejects(store.list('/', { revision: newest + 1 }), { code: 'future' });
    await assert.rejects(store.compact(newest + 1), { code: 'future' });
    await store.get('/a', { revision: newest });
    await store.list('/', { revision: newest });
  });

  claim('refuses revisions before the compaction, and only those', async (t) => {
    const { store } = await open(t);
    const revisions = await fourLives(store);
    const mark = revisions[2] ?? 0;
    await store.compact(mark);
    await assert.rejects(store.get('/a', { revision: mark - 1 }), { code: 'compacted' });
    await assert.rejects(store.list('/', { revision: mark - 1 }), { code: 'compacted' });
    const kept = await store.get('/a', { revision: mark });
    assert.equal(textOf(kept.item?.value), '2');
    assert.equal(textOf((await store.get('/a')).item?.value), '3');
    assert.deepEqual(keysOf(await store.list('/', { revision: mark })), ['/a', '/keep']);
  });

  claim('keeps what was not overwritten, however old', async (t) => {
    const { store } = await open(t);
    await fourLives(store);
    await store.compact(await store.revision());
    const { item } = await store.get('/keep');
    assert.equal(textOf(item?.value), 'kept');
    assert.equal(item?.modRevision, 2);
  });

  claim('lets compaction go forward only', async (t) => {
    const { store } = await open(t);
    const newest = (await fourLives(store)).at(-1) ?? 0;
    await store.compact(newest);
    await store.compact(newest - 2);
    await assert.rejects(store.get('/a', { revision: newest - 1 }), { code: 'compacted' });
  });

  claim('never gives a revision again after compaction', async (t) => {
    const { store } = await open(t);
    await written(store, put('/a', ''));
    const deleted = await written(store, { type: 'delete', key: '/a' });
    await store.compact(deleted);
    assert.equal(await store.revision(), deleted);
    assert.equal(await written(store, put('/a', '')), deleted + 1);
  });
}

/** Five writes; `/a` is put, overwritten three times; `/keep` is put first and stays. */
async function fourLives(store: Store): Promise<number[]> {
  await written(store, put('/keep', 'kept'));
  const revisions: number[] = [];
  for (const value of ['0', '1', '2', '3']) revisions.push(await written(store, put('/a', value)));
  return revisions;
}
