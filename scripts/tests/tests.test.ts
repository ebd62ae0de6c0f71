/** Which tests share a process, and what is read of what they say. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { groupsOf } from './groups.ts';
import { addCounts, countsOf, NO_COUNTS, skippedIn } from './output.ts';

const many = (folder: string, count: number): string[] =>
  Array.from({ length: count }, (_, at) => `${folder}/${String(at).padStart(3, '0')}.test.ts`);

describe('groupsOf()', () => {
  it('has each file once', () => {
    const files = [...many('src/api', 60), ...many('src/cli', 3), ...many('test/sim', 2)];
    assert.deepEqual(groupsOf(files).flat().toSorted(), files.toSorted());
  });

  it('lets neighbours share a process, and not too many of them', () => {
    const sizes = groupsOf(many('src/api', 60)).map((group) => group.length);
    assert.deepEqual(sizes, [24, 24, 12]);
  });

  it('gives tests of processes one of their own, after the groups', () => {
    const groups = groupsOf(['src/cli/b.test.ts', 'src/cli/a.test.ts', 'src/dns/a.test.ts']);
    assert.deepEqual(groups, [['src/dns/a.test.ts'], ['src/cli/a.test.ts'], ['src/cli/b.test.ts']]);
  });

  it('begins with the longest', () => {
    const [first] = groupsOf([...many('src/api', 30), 'test/sim/simulation.test.ts']);
    assert.deepEqual(first, ['test/sim/simulation.test.ts']);
  });
});

describe('what the reporter writes', () => {
  const output = [
    '▶ a folder',
    '  ✔ one (1ms)',
    '  ﹣ needs root (0.1ms) # no root',
    '✔ a folder (2ms)',
    'ℹ tests 7',
    'ℹ suites 1',
    'ℹ pass 3',
    'ℹ fail 1',
    'ℹ cancelled 2',
    'ℹ skipped 1',
    'ℹ todo 0',
  ].join('\n');

  it('is summed up: what was cancelled has failed', () => {
    assert.deepEqual(countsOf(output), { tests: 7, passed: 3, failed: 3, skipped: 1 });
  });

  it('names what was skipped', () => {
    assert.deepEqual(skippedIn(output), ['  ﹣ needs root (0.1ms) # no root']);
  });

  it('is nothing where the process ended before its sums', () => {
    assert.equal(countsOf('▶ a folder'), undefined);
  });

  it('is added over processes', () => {
    const once = countsOf(output) ?? NO_COUNTS;
    assert.deepEqual(addCounts(once, addCounts(once, NO_COUNTS)), {
      tests: 14,
      passed: 6,
      failed: 6,
      skipped: 2,
    });
  });
});
