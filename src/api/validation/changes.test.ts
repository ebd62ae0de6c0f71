import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { diffOf } from './changes.ts';
import { matchingBlocks } from './matching-blocks.ts';

const numbered = (count: number): Record<string, number> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`K${i}`, i]));

describe('the diff of two values', () => {
  it('is empty when they are equal', () => {
    assert.equal(diffOf({ A: 1 }, { A: 1 }), '');
  });

  it('shows a change with three lines around it', () => {
    const next = { ...numbered(10), K5: 'x' };
    assert.equal(
      diffOf(numbered(10), next),
      '@@ -4,7 +4,7 @@\n  "K2": 2,\n  "K3": 3,\n  "K4": 4,\n- "K5": 5,\n+ "K5": "x",\n  "K6": 6,\n  "K7": 7,\n  "K8": 8,\n',
    );
  });

  it('has changes that are near in one piece, and others in pieces of their own', () => {
    const pieces = (changes: object): number =>
      diffOf(numbered(30), { ...numbered(30), ...changes }).split('@@ -').length - 1;
    assert.equal(pieces({ K5: 'x', K11: 'x' }), 1);
    assert.equal(pieces({ K5: 'x', K20: 'x' }), 2);
  });

  it('tells a piece of one line by one number, and of none by the line before', () => {
    assert.equal(diffOf(1, 2), '@@ -1 +1 @@\n-1\n+2\n');
    assert.equal(diffOf([], [1]), '@@ -1 +1,3 @@\n-[]\n+[\n+ 1\n+]\n');
  });

  it("writes what Go's JSON escapes", () => {
    assert.match(diffOf('a<b', 'a&b'), /-"a\\u003cb"\n\+"a\\u0026b"/);
  });
});

describe('lines that stand in both texts', () => {
  const lines = (text: string): string[] => text.split('');

  it('are found from the longest run on', () => {
    assert.deepEqual(matchingBlocks(lines('abxcd'), lines('abcd')), [
      [0, 0, 2],
      [3, 2, 2],
      [5, 4, 0],
    ]);
  });

  it('begin with none that is everywhere in a long text, but go on with it', () => {
    const filler = Array.from({ length: 250 }, () => 'x');
    assert.deepEqual(matchingBlocks(['b', 'x'], filler), [[2, 250, 0]]);
    assert.deepEqual(matchingBlocks(['a', 'x'], [...filler, 'a', 'x']), [
      [0, 250, 2],
      [2, 252, 0],
    ]);
  });
});
