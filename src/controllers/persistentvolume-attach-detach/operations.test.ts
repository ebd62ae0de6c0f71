/** How long a volume is left alone that an operation failed on. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { operationKey, Operations } from './operations.ts';

const ATTACH = { volume: 'v', kind: 'attach', node: 'a', startedMs: 0 } as const;

describe('operations on a volume', () => {
  it('exclude all others of it, or those of its node', () => {
    assert.equal(operationKey('v', 'a', false), operationKey('v', 'b', false));
    assert.notEqual(operationKey('v', 'a', true), operationKey('v', 'b', true));
    const operations = new Operations();
    operations.start('v', ATTACH);
    assert.equal(operations.mayStart('v', 'detach', 1), false);
    assert.deepEqual([...operations.nodesOf('v')], ['a']);
    operations.succeeded('v');
    assert.deepEqual([...operations.nodesOf('v')], []);
    assert.equal(operations.mayStart('v', 'detach', 1), true);
  });

  it('that failed wait twice as long each time, up to two minutes', () => {
    const operations = new Operations();
    const waits: number[] = [];
    for (let nth = 0; nth < 10; nth++) {
      operations.start('v', ATTACH);
      operations.failed('v', 0);
      waits.push(operations.retryInMs('v', 0) ?? 0);
    }
    assert.deepEqual(
      waits.map((ms) => ms - 1),
      [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 122_000, 122_000],
    );
    assert.equal(operations.mayStart('v', 'attach', 122_000), false);
    assert.equal(operations.mayStart('v', 'attach', 122_001), true);
    assert.equal(operations.mayStart('v', 'detach', 0), true, 'another kind need not wait');
  });
});
