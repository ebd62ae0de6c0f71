import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { throttled } from './throttle.ts';

const GET = { method: 'GET', url: '/', headers: {} };

/** When each of so many requests was passed on, milliseconds. */
async function times(rate: { perSecond: number; burst: number }, count: number): Promise<number[]> {
  const environment = new VirtualEnvironment();
  const startMs = environment.clock.monotonicMs();
  const passed: number[] = [];
  const handler = throttled(
    () => {
      passed.push(environment.clock.monotonicMs() - startMs);
      return Promise.resolve({ status: 200, headers: {} });
    },
    rate,
    environment,
  );
  const all = Promise.all(Array.from({ length: count }, () => handler(GET)));
  await environment.advance(10_000);
  await all;
  return passed;
}

describe('throttled', () => {
  it('lets a burst pass, and then so many each second', async () => {
    assert.deepEqual(await times({ perSecond: 4, burst: 2 }, 5), [0, 0, 250, 500, 750]);
  });
  it('has client-go’s rate for none', async () => {
    const passed = await times({ perSecond: 0, burst: 0 }, 12);
    assert.deepEqual(passed.slice(9), [0, 200, 400]);
  });
});
