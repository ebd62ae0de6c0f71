import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { conflicts, labelOf } from './labels.ts';

describe('an SELinux label', () => {
  it('has the parts that are said, and is empty when none is', () => {
    assert.equal(labelOf({ user: 'u', level: 's0:c1,c2' }), 'u:::s0:c1,c2');
    assert.equal(labelOf({}), '');
  });

  it('goes with one that leaves user, role or type open, and not with another level', () => {
    const CASES: readonly [string, string, boolean][] = [
      ['u:r:t:s0:c1', 'u:r:t:s0:c1', false],
      ['u:r:t:s0:c1', ':::s0:c1', false],
      ['u:r:t:s0:c1', 'u::t:s0:c1', false],
      ['u:r:t:s0:c1', 'v:r:t:s0:c1', true],
      ['u:r:t:s0:c1', 'u:r:other:s0:c1', true],
      ['u:r:t:s0:c1', ':::s0:c2', true],
      ['u:r:t:', '', false],
      ['u:r:t:s0', '', true],
      ['', '', false],
    ];
    for (const [one, other, expected] of CASES) {
      assert.equal(conflicts(one, other), expected, `${one} and ${other}`);
      assert.equal(conflicts(other, one), expected, `${other} and ${one}`);
    }
  });
});
