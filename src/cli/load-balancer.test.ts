import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { poolTexts } from './load-balancer.ts';
import { UserError } from './user-error.ts';

describe('--load-balancer-pool', () => {
  it('keeps what it is given, and nothing for none', () => {
    const pools = ['192.0.2.0/28', 'six=2001:db8::/120'];
    assert.deepEqual(poolTexts(pools), pools);
    assert.deepEqual(poolTexts(['none']), []);
  });

  it('refuses what is no pool, by its name', () => {
    assert.throws(
      () => poolTexts(['192.0.2.300/28']),
      (error) =>
        error instanceof UserError &&
        error.message.startsWith(
          'Cannot use --load-balancer-pool: "192.0.2.300/28" is no range of addresses',
        ),
    );
  });
});
