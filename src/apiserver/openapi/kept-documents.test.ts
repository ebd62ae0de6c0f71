import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KeptDocuments } from './kept-documents.ts';
import { singlePiece } from './pieces.ts';

describe('documents that are kept', () => {
  const made: string[] = [];
  const get = (kept: KeptDocuments, path: string, hash = '1') =>
    kept.get({ path, hash, media: 'json' }, () => {
      made.push(`${path} ${hash}`);
      return Promise.resolve(singlePiece(new Uint8Array(10)));
    });
  const makes = async (work: () => Promise<unknown>): Promise<string[]> => {
    made.length = 0;
    await work();
    return [...made];
  };

  it('are made once, and again when they are others', async () => {
    const kept = new KeptDocuments();
    assert.deepEqual(await makes(() => get(kept, 'a')), ['a 1']);
    assert.deepEqual(await makes(() => get(kept, 'a')), []);
    assert.deepEqual(await makes(() => get(kept, 'a', '2')), ['a 2']);
    kept.retain(new Map([['b', '']]));
    assert.deepEqual(await makes(() => get(kept, 'a', '2')), ['a 2']);
  });

  it('give way to newer ones, those first that were asked for longest ago', async () => {
    const kept = new KeptDocuments(25);
    for (const path of ['a', 'b', 'a', 'c']) await get(kept, path);
    assert.deepEqual(await makes(() => get(kept, 'a')), []);
    assert.deepEqual(await makes(() => get(kept, 'b')), ['b 1']);
  });

  it('are made again when they could not be', async () => {
    const kept = new KeptDocuments();
    const place = { path: 'a', hash: '1', media: 'json' };
    await assert.rejects(kept.get(place, () => Promise.reject(new Error('no'))));
    assert.deepEqual(await makes(() => get(kept, 'a')), ['a 1']);
  });
});
