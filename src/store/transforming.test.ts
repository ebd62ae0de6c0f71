import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeStore } from './conformance.ts';
import { put, Recorder, textOf, written } from './conformance-kit.ts';
import { ManualTime } from './manual-time.ts';
import { MemoryStore } from './memory.ts';
import { StoreError } from './store.ts';
import { TransformingStore, type ValueTransformer } from './transforming.ts';

const MARK = 0xfe;
const bytesOf = (bytes: ArrayLike<number>): Uint8Array => Uint8Array.from(bytes);

/** Each byte turned over, behind a mark. */
const flipped: ValueTransformer = {
  toStorage: (_key, value) =>
    Buffer.concat([[MARK], value.map((byte) => byte ^ 0xff)].map(bytesOf)),
  fromStorage: (_key, stored) => {
    if (stored[0] !== MARK) throw new Error('no mark');
    return stored.subarray(1).map((byte) => byte ^ 0xff);
  },
  isStale: (_key, stored) => stored[0] !== MARK,
};

/** The same, but each value takes another number of turns: the earlier the longer. */
function slowly(inner: ValueTransformer): ValueTransformer {
  let turns = 8;
  const wait = async (): Promise<void> => {
    turns = turns === 0 ? 8 : turns - 1;
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
  };
  return {
    ...inner,
    toStorage: (key, value) => wait().then(() => inner.toStorage(key, value)),
    fromStorage: (key, stored) => wait().then(() => inner.fromStorage(key, stored)),
  };
}

for (const [name, transformer] of [
  ['at once', flipped],
  ['by promises', slowly(flipped)],
] as const) {
  describeStore(`memory, transformed ${name}`, (time) =>
    Promise.resolve(new TransformingStore(new MemoryStore(time), transformer)),
  );
}

describe('transforming store', () => {
  it('leaves nothing of a value in the store below', async () => {
    const inner = new MemoryStore(new ManualTime());
    const store = new TransformingStore(inner, flipped);
    await written(store, put('/a', 'plain'));
    const { item } = await inner.get('/a');
    assert.notEqual(textOf(item?.value), 'plain');
    assert.equal(textOf((await store.get('/a')).item?.value), 'plain');
  });

  it('says what would be stored in another form now', async () => {
    const inner = new MemoryStore(new ManualTime());
    const store = new TransformingStore(inner, flipped);
    await written(inner, put('/old', 'x'));
    await written(store, put('/new', 'x'));
    assert.equal(await store.isStale('/old'), true);
    assert.equal(await store.isStale('/new'), false);
    assert.equal(await store.isStale('/none'), false);
  });

  it('refuses what cannot be read, with its key', async () => {
    const inner = new MemoryStore(new ManualTime());
    const store = new TransformingStore(inner, flipped);
    await written(inner, put('/old', 'x'));
    const why = (error: unknown): boolean =>
      error instanceof StoreError &&
      error.code === 'transform' &&
      error.message === 'unable to transform key "/old": no mark';
    await assert.rejects(store.get('/old'), why);
    await assert.rejects(store.list('/'), why);
  });

  for (const [name, transformer] of [
    ['at once', flipped],
    ['by promises', slowly(flipped)],
  ] as const) {
    it(`ends a watch at what cannot be read (${name})`, async () => {
      const inner = new MemoryStore(new ManualTime());
      const store = new TransformingStore(inner, transformer);
      const watch = new Recorder();
      await store.watch('/', 1, watch);
      await written(store, put('/a', '1'));
      await written(inner, put('/b', '2'));
      await written(store, put('/c', '3'));
      await store.revision();
      assert.deepEqual(
        watch.events.map(({ key }) => key),
        ['/a'],
      );
      assert.equal(watch.ended?.message, 'unable to transform key "/b": no mark');
    });
  }

  it('writes nothing that cannot be transformed, and goes on', async () => {
    const inner = new MemoryStore(new ManualTime());
    const store = new TransformingStore(inner, {
      ...slowly(flipped),
      toStorage: async (key, value) => {
        await Promise.resolve();
        if (key === '/bad') throw new Error('no key');
        return flipped.toStorage(key, value);
      },
    });
    const [bad, good] = await Promise.allSettled([
      store.write(put('/bad', 'x')),
      store.write(put('/good', 'y')),
    ]);
    assert.equal(
      bad.status === 'rejected' ? String(bad.reason) : '',
      'StoreError: unable to transform key "/bad": no key',
    );
    assert.deepEqual(good.status === 'fulfilled' && good.value.ok, true);
    assert.equal(await store.count('/'), 1);
  });
});
