/**
 * The part of the store's contract that is about what lies behind the compaction: the history and
 * its retention. A store without one is left out.
 */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { claim, type Fixture, type OpenStore, put, textOf, written } from './conformance-kit.ts';
import type { KeyVersion, RetentionPolicy, Store, StoreHistory, Write } from './store.ts';

const EVERYTHING: RetentionPolicy = { keepAfterMs: 0, maxBytes: Infinity, excluded: [] };
const NOTHING: RetentionPolicy = { keepAfterMs: Infinity, maxBytes: 0, excluded: [] };

interface HistoryFixture extends Fixture {
  readonly history: StoreHistory;
}

export function describeHistory(open: OpenStore): void {
  const historyClaim = (
    name: string,
    check: (fixture: HistoryFixture, context: TestContext) => Promise<void>,
  ): void =>
    claim(name, async (context) => {
      const fixture = await open(context);
      const { history } = fixture.store;
      if (history === undefined) context.skip('this store keeps no history');
      else await check({ ...fixture, history }, context);
    });
  describeReads(historyClaim);
  describeRetention(historyClaim);
  describeExclusion(historyClaim);
}

type HistoryClaim = (
  name: string,
  check: (fixture: HistoryFixture, context: TestContext) => Promise<void>,
) => void;

function describeReads(historyClaim: HistoryClaim): void {
  historyClaim('answers behind the compaction, where the store does not', async (fixture) => {
    const { store, history } = fixture;
    await history.retain(EVERYTHING);
    const revisions = await lives(store, ['a', 'b', 'c']);
    const [first = 0, second = 0, third = 0] = revisions;
    await compactAll(store);
    await assert.rejects(store.get('/k', { revision: first }), { code: 'compacted' });
    await assert.rejects(store.list('/', { revision: second }), { code: 'compacted' });
    assert.equal(textOf((await history.get('/k', first))?.value), 'a');
    assert.equal(await history.get('/k', first - 1), undefined);
    const list = await history.list('/', { revision: second });
    assert.deepEqual(
      list.items.map((item) => textOf(item.value)),
      ['b'],
    );
    assert.deepEqual([list.revision, list.remaining], [second, 0]);
    await assert.rejects(history.get('/k', third + 1), { code: 'future' });
    await assert.rejects(history.list('/', { revision: third + 1 }), { code: 'future' });
  });

  historyClaim('tells the versions of a key, newest first, with time and note', async (fixture) => {
    const { store, time, history } = fixture;
    const startMs = time.clock.now();
    await written(store, noted(put('/k', 'a'), 'ann'), put('/l', 'other'));
    time.advance(1000);
    await written(store, noted(put('/k', 'b'), 'bob'));
    await written(store, noted({ type: 'delete', key: '/k' }, 'carl'));
    time.advance(1000);
    await written(store, put('/k', 'd'));
    await compactAll(store);
    const { versions, oldest } = await history.versions('/k', { limit: 10 });
    assert.equal(oldest, 1);
    assert.deepEqual(versions.map(facts), [
      [5, 5, 'put', 'd', startMs + 2000, ''],
      [4, 2, 'delete', '', startMs + 1000, 'carl'],
      [3, 2, 'put', 'b', startMs + 1000, 'bob'],
      [2, 2, 'put', 'a', startMs, 'ann'],
    ]);
    const page = await history.versions('/k', { before: 5, limit: 2 });
    assert.deepEqual(
      page.versions.map(({ revision }) => revision),
      [4, 3],
    );
    assert.deepEqual((await history.versions('/none', { limit: 1 })).versions, []);
  });

  historyClaim('finds the revision of a time', async ({ store, time, history }) => {
    const startMs = time.clock.now();
    const revisions: number[] = [];
    for (let count = 0; count < 40; count++) {
      revisions.push(await written(store, put(`/k/${count % 7}`, `${count}`)));
      time.advance(100);
    }
    assert.equal(await history.revisionAt(startMs - 1), 1);
    for (const [index, revision] of revisions.entries()) {
      assert.equal(await history.revisionAt(startMs + index * 100), revision);
      assert.equal(await history.revisionAt(startMs + index * 100 + 99), revision);
    }
    assert.equal(await history.revisionAt(startMs + 1_000_000), revisions.at(-1));
  });
}

function describeRetention(historyClaim: HistoryClaim): void {
  historyClaim('keeps what is not compacted, whatever the policy says', async (fixture) => {
    const { store, history } = fixture;
    const [first = 0] = await lives(store, ['a', 'b']);
    await history.retain(NOTHING);
    assert.equal(textOf((await store.get('/k', { revision: first }))?.item?.value), 'a');
    assert.equal(textOf((await history.get('/k', first))?.value), 'a');
    await compactAll(store);
    await history.retain(NOTHING);
    await assert.rejects(history.get('/k', first), { code: 'compacted' });
  });

  historyClaim('drops what was overwritten before a time', async ({ store, time, history }) => {
    const startMs = time.clock.now();
    const revisions = await lives(store, ['a', 'b', 'c', 'd'], () => time.advance(1000));
    const [first = 0, second = 0, third = 0, fourth = 0] = revisions;
    await compactAll(store);
    await history.retain({ ...EVERYTHING, keepAfterMs: startMs + 1500 });
    await assert.rejects(history.get('/k', first), { code: 'compacted' });
    await assert.rejects(history.revisionAt(startMs + 999), { code: 'compacted' });
    assert.equal(await history.revisionAt(startMs + 1500), second);
    assert.equal(textOf((await history.get('/k', second))?.value), 'b');
    const { versions, oldest } = await history.versions('/k', { limit: 10 });
    assert.deepEqual(
      versions.map(({ revision }) => revision),
      [fourth, third, second],
    );
    assert.equal(oldest, second);
    await history.retain(EVERYTHING);
    await assert.rejects(history.get('/k', first), { code: 'compacted' });
  });

  historyClaim('drops the oldest when it takes too many bytes', async ({ store, history }) => {
    const values = Array.from({ length: 10 }, (_, index) => `${index}`.repeat(1000));
    const revisions = await lives(store, values);
    await compactAll(store);
    await history.retain({ ...EVERYTHING, maxBytes: 3500 });
    const { versions } = await history.versions('/k', { limit: 100 });
    // The current value is no history: three that were overwritten fit.
    assert.deepEqual(
      versions.map(({ revision }) => revision),
      revisions.slice(-4).toReversed(),
    );
    await assert.rejects(history.get('/k', revisions.at(-5) ?? 0), { code: 'compacted' });
  });

  historyClaim('drops a deletion with what it deleted', async ({ store, time, history }) => {
    await written(store, put('/k', 'a'));
    const deleted = await written(store, { type: 'delete', key: '/k' });
    time.advance(1000);
    await written(store, put('/other', ''));
    await compactAll(store);
    await history.retain({ ...EVERYTHING, keepAfterMs: time.clock.now() - 1 });
    const { versions, oldest } = await history.versions('/k', { limit: 10 });
    assert.deepEqual([versions, oldest], [[], deleted]);
    assert.equal(await history.get('/k', deleted), undefined);
  });
}

function describeExclusion(historyClaim: HistoryClaim): void {
  const excluded = ['/leases/'];

  historyClaim('keeps nothing of what is kept out', async ({ store, history }) => {
    await history.retain({ ...EVERYTHING, excluded });
    const first = await written(store, put('/leases/a', '1'), put('/pods/a', '1'));
    const second = await written(store, put('/leases/a', '2'), put('/pods/a', '2'));
    await compactAll(store);
    await history.retain({ ...EVERYTHING, excluded });
    await assert.rejects(history.get('/leases/a', first), { code: 'compacted' });
    await assert.rejects(history.list('/leases/', { revision: first }), { code: 'compacted' });
    await assert.rejects(history.list('/', { revision: first }), { code: 'compacted' });
    assert.equal(textOf((await history.get('/leases/a', second))?.value), '2');
    assert.equal((await history.versions('/leases/a', { limit: 10 })).versions.length, 1);
    assert.equal(textOf((await history.get('/pods/a', first))?.value), '1');
    assert.equal((await history.list('/pods/', { revision: first })).items.length, 1);
    assert.equal((await history.versions('/pods/a', { limit: 10 })).versions.length, 2);
  });

  historyClaim('knows a prefix from when it was let in', async ({ store, history }) => {
    await history.retain({ ...EVERYTHING, excluded });
    const first = await written(store, put('/leases/a', '1'));
    const second = await written(store, put('/leases/a', '2'));
    await compactAll(store);
    await history.retain({ ...EVERYTHING, excluded });
    await history.retain(EVERYTHING);
    const third = await written(store, put('/leases/a', '3'));
    await compactAll(store);
    await history.retain(EVERYTHING);
    await assert.rejects(history.get('/leases/a', first), { code: 'compacted' });
    const { versions } = await history.versions('/leases/a', { limit: 10 });
    assert.deepEqual(
      versions.map(({ revision }) => revision),
      [third, second],
    );
  });

  historyClaim('does not count what is kept out as size', async ({ store, history }) => {
    const policy = { ...EVERYTHING, maxBytes: 1500, excluded };
    await history.retain(policy);
    const first = await written(store, put('/pods/a', 'p'.repeat(1000)));
    await written(store, put('/pods/a', 'q'.repeat(1000)));
    for (let count = 0; count < 5; count++)
      await written(store, put('/leases/a', 'l'.repeat(1000)));
    await compactAll(store);
    await history.retain(policy);
    assert.equal((await history.get('/pods/a', first))?.value.length, 1000);
  });
}

/** Gives `/k` one value after another; the revisions. */
async function lives(
  store: Store,
  values: readonly string[],
  between: () => void = () => {},
): Promise<number[]> {
  const revisions: number[] = [];
  for (const value of values) {
    revisions.push(await written(store, put('/k', value)));
    between();
  }
  return revisions;
}

async function compactAll(store: Store): Promise<void> {
  await store.compact(await store.revision());
}

function noted(write: Write, note: string): Write {
  return { ...write, note };
}

function facts(version: KeyVersion): unknown[] {
  const { revision, createRevision, type, value, timeMs, note } = version;
  return [revision, createRevision, type, textOf(value), timeMs, note];
}
