import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it, type TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';
import { describeStore } from '../conformance.ts';
import { put, Recorder, textOf, written } from '../conformance-kit.ts';
import { ManualTime } from '../manual-time.ts';
import type { RetentionPolicy, Store } from '../store.ts';
import { openSqliteStore } from './sqlite-store.ts';
import { silentLog, temporaryDirectory } from './test-kit.ts';

/** Opens a store that is closed after the test, whatever becomes of it. */
async function open(
  context: TestContext,
  directory: string,
  time = new ManualTime(),
): Promise<Store> {
  const environment = { clock: time.clock, timers: time.timers, log: silentLog };
  const store = await openSqliteStore({ directory, environment });
  context.after(() => store.close());
  return store;
}

const NOTHING: RetentionPolicy = { keepAfterMs: Infinity, maxBytes: 0, excluded: [] };
const EVERYTHING: RetentionPolicy = { keepAfterMs: 0, maxBytes: Infinity, excluded: [] };

/** Waits until trimming has left so many rows of history, and no fewer. */
async function rowsAreDownTo(context: TestContext, directory: string, rows: number): Promise<void> {
  const db = new DatabaseSync(join(directory, 'store.db'), { readOnly: true });
  const count = db.prepare('SELECT count(*) AS n FROM revision');
  const left = (): number => Number(count.get()?.['n']);
  while (left() > rows && !context.signal.aborted) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(left(), rows);
  db.close();
}

describeStore('sqlite', async (time, context) =>
  open(context, await temporaryDirectory(context), time),
);

describe('the SQLite store, opened again', () => {
  it('has the same objects, revisions and history', async (t) => {
    const directory = await temporaryDirectory(t);
    const first = await open(t, directory);
    await written(first, put('/a', '1'));
    await written(first, put('/a', '2'), put('/b', 'b'));
    const newest = await written(first, { type: 'delete', key: '/b' });
    const before = [await first.list('/'), await first.list('/', { revision: 3 })];
    await first.close();
    const second = await open(t, directory);
    assert.deepEqual([await second.list('/'), await second.list('/', { revision: 3 })], before);
    assert.equal(await second.revision(), newest);
    const watch = new Recorder();
    await second.watch('/', 1, watch);
    await watch.has(4);
    assert.equal(await written(second, put('/c', '')), newest + 1);
    await second.close();
  });

  it('gives no revision again whose rows compaction has taken', async (t) => {
    const directory = await temporaryDirectory(t);
    const first = await open(t, directory);
    await written(first, put('/a', ''));
    const newest = await written(first, { type: 'delete', key: '/a' });
    await first.compact(newest);
    await first.history?.retain(NOTHING);
    await rowsAreDownTo(t, directory, 0);
    await first.close();
    const second = await open(t, directory);
    await assert.rejects(second.get('/a', { revision: newest - 1 }), { code: 'compacted' });
    assert.equal(await second.revision(), newest);
    assert.equal(await written(second, put('/a', '')), newest + 1);
    await second.close();
  });

  it('ends a lease when it would have ended, and one kept alive a whole term later', async (t) => {
    const directory = await temporaryDirectory(t);
    const time = new ManualTime();
    const first = await open(t, directory, time);
    const once1 = await first.grantLease(1000);
    const kept = await first.grantLease(1000);
    await written(first, put('/once', '', { lease: once1 }), put('/kept', '', { lease: kept }));
    time.advance(600);
    await first.keepAlive(kept);
    await first.close();
    const second = await open(t, directory, time);
    const watch = new Recorder();
    await second.watch('/', await second.revision(), watch);
    time.advance(400);
    await watch.has(1);
    assert.deepEqual(
      (await second.list('/')).items.map((item) => item.key),
      ['/kept'],
    );
    time.advance(600);
    await watch.has(2);
    assert.equal(await second.count('/'), 0);
    await second.close();
  });
});

describe('a read that finds what is durable but not yet told', () => {
  const reads: [string, (store: Store) => Promise<{ revision: number }>][] = [
    ['get', (store) => store.get('/a')],
    ['get at a revision', (store) => store.get('/a', { revision: 2 })],
    ['list', (store) => store.list('/')],
    ['list at a revision', (store) => store.list('/', { revision: 2 })],
  ];
  for (const [name, read] of reads) {
    it(`answers when it is told: ${name}`, async (t) => {
      const store = await open(t, await temporaryDirectory(t));
      const watch = new Recorder();
      await store.watch('/', 1, watch);
      const write = store.write(put('/a', '1'));
      await Promise.resolve();
      // The writer commits while this thread stands still.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
      const { revision } = await read(store);
      assert.equal(revision, 2);
      assert.equal(watch.calls.at(-1)?.revision, 2);
      await write;
    });
  }
});

describe('the past that the SQLite store tells of', () => {
  it('ends when a handler closes the watch', async (t) => {
    const store = await open(t, await temporaryDirectory(t));
    for (const value of ['1', '2', '3']) await written(store, put('/a', value));
    const seen: number[] = [];
    const watch = await store.watch('/', 1, {
      onEvents(_, revision) {
        seen.push(revision);
        watch.close();
      },
      onEnd() {},
    });
    const all = new Recorder();
    await store.watch('/', 1, all);
    await all.has(3);
    assert.deepEqual(seen, [2]);
  });

  it('comes whole, however long it is', async (t) => {
    const store = await open(t, await temporaryDirectory(t));
    const large = 'x'.repeat(100_000);
    for (let part = 0; part < 4; part++) {
      await written(store, ...Array.from({ length: 30 }, (_, at) => put(`/${part}/${at}`, large)));
      const small = Array.from({ length: 500 }, (_, at) => store.write(put('/a', `${at}`)));
      await Promise.all(small);
    }
    const watch = new Recorder();
    await store.watch('/', 1, watch);
    await watch.has(4 * 530);
    assert.deepEqual(
      watch.calls.map(({ revision }) => revision),
      Array.from({ length: 4 * 501 }, (_, index) => index + 2),
    );
    assert.equal(watch.events.length, 4 * 530);
  });
});

describe('the data directory of the SQLite store', () => {
  it('is open in one process at a time', async (t) => {
    const directory = await temporaryDirectory(t);
    const store = await open(t, directory);
    await assert.rejects(open(t, directory), {
      code: 'locked',
      message: /another process has it open; stop that one first/,
    });
    await store.close();
    await (await open(t, directory)).close();
  });

  it('of another format is refused, with what to do', async (t) => {
    const directory = await temporaryDirectory(t);
    await (await open(t, directory)).close();
    const db = new DatabaseSync(join(directory, 'store.db'));
    db.exec("UPDATE meta SET value = 99 WHERE name = 'format'");
    db.close();
    await assert.rejects(open(t, directory), {
      code: 'format',
      message: /its format is 99, this version reads format 2; run the version that wrote it/,
    });
  });

  it('with a file that is no store is refused', async (t) => {
    const directory = await temporaryDirectory(t);
    writeFileSync(join(directory, 'store.db'), 'no database at all, but some text'.repeat(100));
    await assert.rejects(open(t, directory), { code: 'format', message: /damaged or is no store/ });
  });

  it('can be read by its owner alone', async (t) => {
    const directory = join(await temporaryDirectory(t), 'data');
    const store = await open(t, directory);
    await written(store, put('/a', 'secret'));
    assert.equal(statSync(directory).mode & 0o777, 0o700);
    for (const name of ['store.db', 'store.db-wal', 'store.db-shm', 'lock']) {
      assert.equal(statSync(join(directory, name)).mode & 0o777, 0o600, name);
    }
    await store.close();
  });
});

describe('retention of the SQLite store', () => {
  it('takes the rows that nobody can ask for, and no others', async (t) => {
    const directory = await temporaryDirectory(t);
    const store = await open(t, directory);
    await written(store, put('/keep', ''), put('/gone', ''));
    for (let index = 0; index < 600; index++) await written(store, put('/a', `${index}`));
    await written(store, { type: 'delete', key: '/gone' });
    const mark = await store.revision();
    await written(store, put('/a', 'new'));
    await store.compact(mark);
    await store.history?.retain(NOTHING);
    await store.close();
    // Trimming goes on where it was stopped: here, right after it began.
    const again = await open(t, directory);
    await rowsAreDownTo(t, directory, 3);
    assert.equal(textOf((await again.get('/a', { revision: mark })).item?.value), '599');
    assert.equal(textOf((await again.get('/a')).item?.value), 'new');
    await again.close();
  });

  it('takes the rows of what is kept out, and leaves the history', async (t) => {
    const directory = await temporaryDirectory(t);
    const store = await open(t, directory);
    const policy = { ...EVERYTHING, excluded: ['/leases/', '/events/'] };
    for (let index = 0; index < 300; index++) {
      await written(store, put('/leases/a', `${index}`), put('/pods/a', `${index}`));
    }
    await written(store, put('/events/a', ''));
    await written(store, { type: 'delete', key: '/events/a' });
    await store.compact(await store.revision());
    await store.history?.retain(policy);
    await rowsAreDownTo(t, directory, 301);
    // What is let in and kept out again is looked at no further back than it was.
    await store.history?.retain(EVERYTHING);
    await written(store, put('/leases/a', 'let in'));
    await store.compact(await store.revision());
    await store.history?.retain(policy);
    await rowsAreDownTo(t, directory, 301);
    await store.close();
  });
});

describe('the history of the SQLite store', () => {
  it('is there after a restart, with its marks, times and notes', async (t) => {
    const directory = await temporaryDirectory(t);
    const time = new ManualTime();
    const first = await open(t, directory, time);
    for (const value of ['a', 'b', 'c']) {
      await written(first, { ...put('/a', value), note: `${value}!` }, put('/leases/a', value));
      time.advance(1000);
    }
    const policy = { ...EVERYTHING, excluded: ['/leases/'] };
    await first.compact(await first.revision());
    await first.history?.retain({ ...policy, keepAfterMs: time.clock.now() - 2000 });
    const before = await first.history?.versions('/a', { limit: 10 });
    assert.deepEqual(
      before?.versions.map(({ note }) => note),
      ['c!', 'b!'],
    );
    await first.close();
    time.advance(-5000);
    const second = await open(t, directory, time);
    assert.deepEqual(await second.history?.versions('/a', { limit: 10 }), before);
    await assert.rejects(async () => second.history?.get('/a', 2), { code: 'compacted' });
    await assert.rejects(async () => second.history?.get('/leases/a', 3), { code: 'compacted' });
    // The clock went back; the times of the store do not.
    await written(second, put('/a', 'd'));
    const after = await second.history?.versions('/a', { limit: 1 });
    assert.equal(after?.versions[0]?.timeMs, before?.versions[0]?.timeMs);
    await second.close();
  });
});

describe('a store of format 1', () => {
  it('is taken over with what is in it; its past is not', async (t) => {
    const directory = await temporaryDirectory(t);
    await (await open(t, directory)).close();
    const db = new DatabaseSync(join(directory, 'store.db'));
    db.exec(TO_FORMAT_1);
    db.close();
    const store = await open(t, directory);
    const { items, revision } = await store.list('/');
    assert.deepEqual(
      items.map(({ key, value, createRevision, modRevision }) => [
        [key, textOf(value)],
        [createRevision, modRevision],
      ]),
      [
        [
          ['/a', 'two'],
          [2, 3],
        ],
      ],
    );
    assert.equal(revision, 4);
    await assert.rejects(store.get('/a', { revision: 3 }), { code: 'compacted' });
    await assert.rejects(async () => store.history?.get('/a', 3), { code: 'compacted' });
    assert.equal(await written(store, put('/a', 'three')), 5);
    const versions = await store.history?.versions('/a', { limit: 10 });
    assert.deepEqual(
      versions?.versions.map((version) => textOf(version.value)),
      ['three', 'two'],
    );
    await store.close();
  });
});

/** The tables as format 1 had them, with a key that was put twice and one that was deleted. */
const TO_FORMAT_1 = `
DROP TABLE revision; DROP TABLE kept_out; DELETE FROM meta;
CREATE TABLE revision (id INTEGER PRIMARY KEY, key TEXT NOT NULL, create_revision INTEGER NOT NULL,
  deleted INTEGER NOT NULL, lease INTEGER NOT NULL, previous INTEGER, value BLOB) STRICT;
CREATE INDEX revision_key ON revision (key);
INSERT INTO revision VALUES (2048, '/a', 2, 0, 0, NULL, CAST('one' AS BLOB)),
  (2049, '/b', 2, 0, 0, NULL, CAST('b' AS BLOB)),
  (3072, '/a', 2, 0, 0, 2048, CAST('two' AS BLOB)), (4096, '/b', 2, 1, 0, 2049, NULL);
INSERT INTO current VALUES (1, '/a', 3072, 2, 0, CAST('two' AS BLOB));
INSERT INTO meta VALUES ('format', 1), ('revision', 1), ('compacted', 0), ('trimmed', 0);
`;

describe('a full disk under the SQLite store', () => {
  it('fails writes with full, keeps answering, and goes on when there is room', async (t) => {
    const directory = smallDisk(t);
    if (directory === undefined) return;
    const store = await open(t, directory);
    await written(store, put('/small', '1'));
    const value = new Uint8Array(256 * 1024);
    const codes: string[] = [];
    for (let index = 0; index < 40 && codes.length === 0; index++) {
      const write = store.write({ type: 'put', key: `/big/${index}`, value });
      await write.catch((error: { code: string }) => codes.push(error.code));
    }
    assert.deepEqual(codes, ['full']);
    const newest = await store.revision();
    assert.equal(textOf((await store.get('/small')).item?.value), '1');
    spawnSync('mount', ['-o', 'remount,size=32m', directory]);
    assert.equal(await written(store, put('/small', '2')), newest + 1);
    await store.close();
    await (await open(t, directory)).close();
  });

  it('fails to open with full', async (t) => {
    const directory = smallDisk(t);
    if (directory === undefined) return;
    spawnSync('dd', ['if=/dev/zero', `of=${directory}/ballast`, 'bs=4096']);
    await assert.rejects(open(t, directory), {
      code: 'full',
      message: /make room and start again/,
    });
  });
});

/** A disk of 4 MiB; undefined without root. */
function smallDisk(context: TestContext): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'store-disk-'));
  const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'none', directory]);
  context.after(() => {
    if (mount.status === 0) spawnSync('umount', ['-l', directory]);
    rmdirSync(directory);
  });
  if (mount.status === 0) return directory;
  context.skip('no disk can be mounted here (that needs root)');
  return undefined;
}

describe('a writer thread that dies', () => {
  it('ends the store: pending calls, watches and later calls are unavailable', async (t) => {
    const directory = await temporaryDirectory(t);
    const workers: Worker[] = [];
    t.mock.method(Worker.prototype, 'postMessage', function (this: Worker) {
      workers.push(this);
    });
    const store = await open(t, directory);
    const watch = new Recorder();
    await store.watch('/', 1, watch);
    const write = store.write(put('/a', ''));
    const refused = assert.rejects(write, { code: 'unavailable' });
    while (workers.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const [worker] = workers;
    assert.ok(worker);
    await Promise.all([once(worker, 'exit'), worker.terminate()]);
    await refused;
    assert.equal(watch.ended?.code, 'unavailable');
    await assert.rejects(store.get('/a'), { code: 'unavailable' });
    await store.close();
  });
});
