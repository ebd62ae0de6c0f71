import assert from 'node:assert/strict';
import { it } from 'node:test';
import { patience } from './patience.ts';

it('patience() is a factor from 1 to 100', () => {
  assert.deepEqual(['1', '12.5', '100'].map(patience), [1, 12.5, 100]);
  for (const text of ['', '0.5', '101', 'much'])
    assert.throws(() => patience(text), /no number from 1 to 100/);
});
