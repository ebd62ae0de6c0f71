/** Which pod is tried when. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { PLUGINS } from './plugins/order.ts';
import { SchedulingQueue } from './queue.ts';

const MINUTES_MS = 60_000;

describe('SchedulingQueue', () => {
  const refused = () => {
    const environment = new VirtualEnvironment();
    let woken = 0;
    const queue = new SchedulingQueue({ environment, plugins: PLUGINS, wake: () => woken++ });
    queue.set({ metadata: { namespace: 'default', name: 'web' } });
    queue.pop();
    queue.failed('default/web', { unschedulable: new Set(['NodeName']), pending: new Set() });
    woken = 0;
    return { environment, queue, woken: () => woken };
  };

  it('tries a pod again that nothing seems to help', async () => {
    const t = refused();
    await t.environment.advance(4 * MINUTES_MS);
    assert.equal(t.woken(), 0);
    await t.environment.advance(2 * MINUTES_MS);
    assert.equal(t.woken(), 1);
    assert.equal(t.queue.pop()?.key, 'default/web');
  });

  it('has no pod and no timer when it is cleared', async () => {
    const t = refused();
    t.queue.clear();
    await t.environment.advance(10 * MINUTES_MS);
    assert.equal(t.woken(), 0);
    assert.equal(t.queue.pop(), undefined);
  });
});
