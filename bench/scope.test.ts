/** Things that are made are taken away: in order, once, in spite of errors. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, it } from 'node:test';
import { Scope } from './scope.ts';

describe('a scope', () => {
  it('takes things away in the reverse order, and goes on after one that fails', async () => {
    const scope = new Scope();
    const order: string[] = [];
    scope.defer(() => void order.push('first'));
    scope.defer(() => {
      throw new Error('stuck');
    });
    scope.defer(async () => {
      await Promise.resolve();
      order.push('last');
    });
    const problems = await scope.close();
    assert.deepEqual(order, ['last', 'first']);
    assert.deepEqual(problems.map(String), ['Error: stuck']);
  });

  it('takes each thing away once, whoever asks first', async () => {
    const scope = new Scope();
    let times = 0;
    const undo = scope.defer(() => void times++);
    await Promise.all([undo(), scope.close(), undo()]);
    assert.equal(times, 1);
  });

  it('leaves no temporary directory, and makes no more when it ends', async () => {
    const scope = new Scope();
    const path = scope.temporaryDirectory();
    assert.ok(existsSync(path));
    await scope.close();
    assert.ok(!existsSync(path));
    assert.throws(() => scope.temporaryDirectory(), { message: 'The bench is ending' });
  });
});
