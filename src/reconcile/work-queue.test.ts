/** The rule of the queue, row by row. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { WorkQueue } from './work-queue.ts';

function world(): { environment: VirtualEnvironment; queue: WorkQueue; ready: () => number } {
  const environment = new VirtualEnvironment();
  let count = 0;
  const queue = new WorkQueue(environment, () => count++);
  return { environment, queue, ready: () => count };
}

describe('WorkQueue', () => {
  it('gives keys in the order of adding, each once', () => {
    const { queue } = world();
    for (const key of ['a', 'b', 'a']) queue.add(key);
    assert.deepEqual([queue.take(), queue.take(), queue.take()], ['a', 'b', undefined]);
  });

  it('holds back a key that is being worked on, and gives it again when that is done', () => {
    const { queue } = world();
    queue.add('a');
    queue.take();
    queue.add('a');
    queue.add('a');
    assert.equal(queue.take(), undefined);
    queue.done('a');
    assert.equal(queue.take(), 'a');
    queue.done('a');
    assert.equal(queue.take(), undefined);
  });

  it('says when a key can be taken: on add, and on done of a dirty key', () => {
    const { queue, ready } = world();
    queue.add('a');
    queue.take();
    queue.add('a');
    assert.equal(ready(), 1);
    queue.done('a');
    assert.equal(ready(), 2);
  });

  it('keeps the earliest of several delays', async () => {
    const { queue, environment } = world();
    queue.addAfter('a', 100);
    queue.addAfter('a', 20);
    queue.addAfter('a', 50);
    assert.equal(queue.nextDelayMs, 20);
    await environment.advance(20);
    assert.equal(queue.take(), 'a');
    queue.done('a');
    await environment.advance(200);
    assert.equal(queue.take(), undefined);
  });

  it('doubles the back-off from 5 ms to 1000 s, and starts again after forget', () => {
    const { queue } = world();
    const delays = Array.from({ length: 20 }, () => queue.addRateLimited('a'));
    assert.deepEqual(delays.slice(0, 4), [5, 10, 20, 40]);
    assert.equal(delays.at(-1), 1_000_000);
    queue.forget('a');
    assert.equal(queue.addRateLimited('a'), 5);
  });

  it('takes other figures for the back-off', () => {
    const queue = new WorkQueue(new VirtualEnvironment(), () => {}, {
      backoff: { firstMs: 100, msMax: 300 },
    });
    assert.deepEqual(
      [1, 2, 3].map(() => queue.addRateLimited('a')),
      [100, 200, 300],
    );
  });

  it('forgets everything when cleared', async () => {
    const { queue, environment } = world();
    queue.add('a');
    queue.addAfter('b', 10);
    queue.clear();
    await environment.advance(20);
    assert.equal(queue.take(), undefined);
    assert.equal(queue.busy, 0);
  });
});
