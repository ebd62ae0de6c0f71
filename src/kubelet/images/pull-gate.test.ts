import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PullGate } from './pull-gate.ts';

const CLOCK = { monotonicMs: () => 0 };
const LIMITS = { serializeImagePulls: true, registryPullQPS: 0, registryBurst: 10 };
const never = new AbortController().signal;

/** Pulls that end when they are told; `begun` are the names of those that run or ran. */
function make(limits: ConstructorParameters<typeof PullGate>[0]) {
  const gate = new PullGate(limits, CLOCK);
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const pull = (name: string, signal = never): Promise<void> =>
    gate.run(() => {
      begun.push(name);
      const { promise, resolve } = Promise.withResolvers<void>();
      ends.set(name, resolve);
      return promise;
    }, signal);
  const end = async (name: string): Promise<void> => {
    ends.get(name)?.();
    await new Promise((resolve) => process.nextTick(resolve));
    await Promise.resolve();
  };
  return { pull, end, begun };
}

describe('PullGate', () => {
  it('lets one pull at a time', async () => {
    const { pull, end, begun } = make(LIMITS);
    const all = [pull('a'), pull('b'), pull('c')];
    await Promise.resolve();
    assert.deepEqual(begun, ['a']);
    await end('a');
    assert.deepEqual(begun, ['a', 'b']);
    await end('b');
    await end('c');
    await Promise.all(all);
  });

  it('lets as many as are asked for, or all', async () => {
    for (const [max, count] of [
      [2, 2],
      [undefined, 3],
    ] as const) {
      const { pull, begun } = make({
        ...LIMITS,
        serializeImagePulls: false,
        ...(max === undefined ? {} : { maxParallelImagePulls: max }),
      });
      for (const name of ['a', 'b', 'c']) pull(name).catch(() => {});
      await Promise.resolve();
      assert.equal(begun.length, count);
    }
  });

  it('passes over who goes away while it waits', async () => {
    const { pull, end, begun } = make(LIMITS);
    const gone = new AbortController();
    const first = pull('a');
    const second = pull('b', gone.signal);
    const third = pull('c');
    gone.abort();
    await assert.rejects(second, /context canceled/);
    await end('a');
    assert.deepEqual(begun, ['a', 'c']);
    await end('c');
    await Promise.all([first, third]);
  });

  it('refuses what is too often', async () => {
    const gate = new PullGate({ ...LIMITS, registryPullQPS: 1, registryBurst: 2 }, CLOCK);
    const pull = (): Promise<number> => gate.run(() => Promise.resolve(1), never);
    assert.deepEqual([await pull(), await pull()], [1, 1]);
    await assert.rejects(pull(), /^Error: pull QPS exceeded$/);
    await assert.rejects(pull(), /^Error: pull QPS exceeded$/);
  });
});
