/** Many entries: what a sorted map without chunks would say. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { SeededRandom } from '#base/virtual/seeded-random.ts';
import { SortedEntries } from './sorted-entries.ts';

interface Entry {
  readonly key: string;
  readonly revision: number;
}

const KEYS = 9_000;
const entry = (key: string, revision: number): Entry => ({ key, revision });
const keyOf = (number: number): string => String(number).padStart(6, '0');
const inOrder = (a: Entry, b: Entry): number => (a.key < b.key ? -1 : 1);

it('thousands of entries that come and go are in order, each once, as last set', () => {
  const random = new SeededRandom(7);
  const sorted = new SortedEntries<Entry>();
  const model = new Map<string, Entry>();
  const set = (key: string, revision: number): void => {
    sorted.set(entry(key, revision));
    model.set(key, entry(key, revision));
  };
  const remove = (key: string): void => {
    sorted.delete(key);
    model.delete(key);
  };
  const agree = (from = '', to = '~'): void => {
    const expected = [...model.values()].filter(({ key }) => key >= from && key < to);
    assert.deepEqual(
      sorted.range(from, to).map(({ key, revision }) => `${key} ${revision}`),
      expected.sort(inOrder).map(({ key, revision }) => `${key} ${revision}`),
    );
    const all = [...model.values()].sort(inOrder).map(({ revision }) => revision);
    assert.deepEqual(
      sorted.map(({ revision }) => revision),
      all,
    );
    assert.equal(sorted.isEmpty, model.size === 0);
  };

  // Ascending, as names with a counter come; then in any order, some a second time.
  for (let number = 0; number < KEYS / 3; number++) set(keyOf(number), 1);
  agree();
  for (let turn = 0; turn < KEYS; turn++) set(keyOf(random.below(KEYS)), turn);
  agree();
  for (let turn = 0; turn < 50; turn++) {
    const from = random.below(KEYS);
    agree(keyOf(from), keyOf(from + random.below(KEYS / 3)));
  }
  for (let turn = 0; turn < 2 * KEYS; turn++) remove(keyOf(random.below(KEYS)));
  agree();
  for (let number = 0; number < KEYS; number++) remove(keyOf(number));
  agree();
  set(keyOf(5), 9);
  agree();
});
