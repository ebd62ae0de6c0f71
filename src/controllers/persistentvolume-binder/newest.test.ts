/** Which state of an object is the newest. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PersistentVolume } from '#api/gen/core-v1.ts';
import { Newest } from './newest.ts';

const at = (revision: number): PersistentVolume => ({
  metadata: { name: 'disk', resourceVersion: String(revision) },
});

function world(): { cache: Map<string, PersistentVolume>; newest: Newest<PersistentVolume> } {
  const cache = new Map([['disk', at(5)]]);
  return { cache, newest: new Newest(cache) };
}

describe('the newest state', () => {
  it('is what was written, until the cache shows it', () => {
    const { cache, newest } = world();
    newest.wrote(at(7));
    assert.equal(newest.get('disk')?.metadata?.resourceVersion, '7');
    newest.saw({ type: 'modified', key: 'disk', object: at(6) });
    cache.set('disk', at(6));
    assert.equal(newest.get('disk')?.metadata?.resourceVersion, '7');
    cache.set('disk', at(8));
    assert.equal(newest.get('disk')?.metadata?.resourceVersion, '8');
  });

  it('is nothing when the object is gone, whatever was written', () => {
    const { cache, newest } = world();
    newest.wrote(at(7));
    cache.delete('disk');
    assert.equal(newest.get('disk'), undefined);
    newest.saw({ type: 'deleted', key: 'disk', object: at(7) });
    // Another of the same name, which the cache shows at an older revision by chance.
    cache.set('disk', at(5));
    assert.equal(newest.get('disk')?.metadata?.resourceVersion, '5');
  });

  it('is the cache’s when the write is older', () => {
    const { newest } = world();
    newest.wrote(at(4));
    assert.equal(newest.get('disk')?.metadata?.resourceVersion, '5');
  });
});
