/** When the writes of a loop begin and end, once it is told to stop. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { WriteLoop } from './write-loop.ts';

/** A loop whose writes end when the test says so. */
function world() {
  const environment = new VirtualEnvironment();
  const stopping = new AbortController();
  const writes: PromiseWithResolvers<void>[] = [];
  const write = (): Promise<void> => {
    const one = Promise.withResolvers<void>();
    writes.push(one);
    return one.promise;
  };
  const loop = new WriteLoop({ environment, what: 'rules', write });
  const started = loop.start(stopping.signal);
  return { environment, stopping, writes, loop, started };
}

describe('a loop of writes that is told to stop', () => {
  it('begins no write any more, of what changed before or after', async () => {
    const { environment, stopping, writes, loop, started } = world();
    await environment.advance(0);
    writes[0]?.resolve();
    await started;
    loop.wake();
    stopping.abort();
    loop.wake();
    await environment.advance(60_000);
    assert.equal(writes.length, 1);
  });

  it('is idle when the write that was under way has ended', async () => {
    const { environment, stopping, writes, loop } = world();
    await environment.advance(0);
    stopping.abort();
    let isIdle = false;
    const idle = loop.idle().then(() => {
      isIdle = true;
    });
    await environment.advance(1_000);
    assert.equal(isIdle, false);
    writes[0]?.resolve();
    await idle;
  });
});
