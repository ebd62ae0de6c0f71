import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Entry, MessageCache, ParsedCache } from './entry.ts';
import { ResourceCache } from './resource-cache.ts';

const PREFIX = '/registry/pods/';
const entry = (name: string, revision = 1): Entry => ({
  key: `${PREFIX}${name}`,
  revision,
  createRevision: revision,
  bytes: new Uint8Array(0),
});

function cacheOf(...names: readonly string[]): ResourceCache {
  const cache = new ResourceCache(PREFIX);
  for (const name of names) cache.load(entry(name));
  return cache;
}

const namesIn = (cache: ResourceCache, prefix = '', after = ''): string[] =>
  cache
    .range(`${PREFIX}${prefix}`, after === '' ? '' : `${PREFIX}${after}`)
    .map(({ key }) => key.slice(PREFIX.length));

describe('the entries of a resource', () => {
  it('are in order of their keys, in whatever order they came', () => {
    const cache = cacheOf('b/2', 'a/1', 'c/1', 'b/1', 'a/0');
    assert.deepEqual(namesIn(cache), ['a/0', 'a/1', 'b/1', 'b/2', 'c/1']);
  });

  it('of a namespace are those alone, also where another name begins like it', () => {
    const cache = cacheOf('a/1', 'a-b/1', 'a0/1', 'a/2', 'b/1');
    assert.deepEqual(namesIn(cache, 'a/'), ['a/1', 'a/2']);
    assert.deepEqual(namesIn(cache, 'nobody/'), []);
  });

  it('behind a key begin with the next one, whether that key is there or not', () => {
    const cache = cacheOf('a/1', 'a/3', 'a/5', 'b/1');
    assert.deepEqual(namesIn(cache, 'a/', 'a/3'), ['a/5']);
    assert.deepEqual(namesIn(cache, 'a/', 'a/2'), ['a/3', 'a/5']);
    assert.deepEqual(namesIn(cache, 'a/', 'a/5'), []);
    assert.deepEqual(namesIn(cache, 'b/', 'a/3'), ['b/1']);
  });

  it('follow puts and deletes, and leave lists that were taken before as they are', () => {
    const cache = cacheOf('a/1', 'a/2');
    const before = cache.range(PREFIX);
    cache.apply({ type: 'put', revision: 2, entry: entry('a/1', 2) });
    cache.apply({ type: 'put', revision: 3, entry: entry('a/0', 3) });
    cache.apply({ type: 'delete', revision: 4, entry: entry('a/2', 4) });
    cache.apply({ type: 'delete', revision: 5, entry: entry('a/9', 5) });
    assert.deepEqual(
      cache.range(PREFIX).map(({ key, revision }) => [key.slice(PREFIX.length), revision]),
      [
        ['a/0', 3],
        ['a/1', 2],
      ],
    );
    assert.equal(cache.size, 2);
    assert.deepEqual(
      before.map(({ revision }) => revision),
      [1, 1],
    );
  });
});

describe('protobuf messages', () => {
  const make = (): Uint8Array => new Uint8Array(10);

  it('are kept while there is room, and of entries that are current', () => {
    const cache = new MessageCache(20);
    const [one, two, three, old] = [entry('1'), entry('2'), entry('3'), entry('old')];
    cache.get(old, false, make);
    assert.equal(old.message, undefined);
    const kept = cache.get(one, true, make);
    assert.equal(cache.get(one, true, make), kept);
    cache.get(two, true, make);
    cache.get(three, true, make);
    assert.equal(three.message, undefined);
  });

  it('make room when their entry goes', () => {
    const cache = new MessageCache(10);
    const [one, two] = [entry('1'), entry('2')];
    cache.get(one, true, make);
    cache.forget(one);
    cache.forget(two);
    assert.equal(one.message, undefined);
    assert.equal(cache.get(two, true, make), two.message);
  });
});

describe('the events that are kept for watches that resume', () => {
  const MEGABYTE = new Uint8Array(1024 * 1024);
  /** How many are kept of `count`, each of an object with `bytes`. */
  function kept(count: number, bytes: Uint8Array): number {
    const cache = new ResourceCache(PREFIX);
    for (let revision = 1; revision <= count; revision++)
      cache.apply({ type: 'put', revision, entry: { ...entry('a/1', revision), bytes } });
    const events = cache.since(cache.windowStart) ?? [];
    assert.equal(cache.since(cache.windowStart - 1), undefined);
    assert.equal(events.at(0)?.revision, cache.windowStart + 1);
    assert.equal(events.at(-1)?.revision, count);
    return events.length;
  }

  it('are thousands of small objects', () => {
    const count = kept(10_000, new Uint8Array(100));
    assert.ok(count >= 4096 && count <= 5120, String(count));
  });

  it('are fewer of large objects, but never less than a hundred', () => {
    const large = kept(2_000, MEGABYTE.subarray(0, 100_000));
    assert.ok(large > 300 && large < 450, String(large));
    const huge = kept(500, MEGABYTE);
    assert.ok(huge >= 100 && huge <= 125, String(huge));
  });
});

describe('parsed objects', () => {
  const parsedEntry = (revision: number, size: number): Entry => ({
    ...entry(`a/${revision}`, revision),
    bytes: Buffer.from(JSON.stringify({ metadata: { name: 'x'.repeat(size) } })),
  });

  it('are the same for all as long as somebody has them', () => {
    const cache = new ParsedCache();
    const one = parsedEntry(1, 10);
    const object = cache.get(one);
    assert.equal(cache.get(one), object);
    assert.equal(cache.once(one), object);
    assert.notEqual(cache.own(one), object);
    assert.deepEqual(cache.own(one), object);
  });

  it('are counted by what they were made of, too', () => {
    const cache = new ParsedCache();
    for (let revision = 1; revision <= 100; revision++) cache.get(parsedEntry(revision, 1_000_000));
    assert.ok(cache.keptBytes <= 16 * 1024 * 1024, String(cache.keptBytes));
    assert.ok(cache.keptBytes > 15_000_000, String(cache.keptBytes));
    for (let revision = 1; revision <= 5000; revision++) cache.get(parsedEntry(revision, 10));
    assert.ok(cache.keptBytes < 5000 * 60, String(cache.keptBytes));
  });
});
