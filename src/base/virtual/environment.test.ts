/** The claims of the virtual environment, on which every other test of behaviour in time rests. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sleep } from '#base/env.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';

describe('VirtualEnvironment', () => {
  it('fires timers by time, then in the order of their making', async () => {
    const environment = new VirtualEnvironment();
    const fired: string[] = [];
    environment.timers.after(20, () => fired.push('b'));
    environment.timers.after(10, () => fired.push('a1'));
    environment.timers.after(10, () => fired.push('a2'));
    await environment.advance(15);
    assert.deepEqual(fired, ['a1', 'a2']);
    await environment.advance(5);
    assert.deepEqual(fired, ['a1', 'a2', 'b']);
  });

  it('moves no time while promises can run', async () => {
    const environment = new VirtualEnvironment();
    const seen: number[] = [];
    const chain = async (): Promise<void> => {
      for (let i = 0; i < 3; i++) {
        for (let step = 0; step < 50; step++) await Promise.resolve();
        seen.push(environment.elapsedMs);
        await sleep(environment, 10);
      }
    };
    const done = chain();
    await environment.advance(1000);
    await done;
    assert.deepEqual(seen, [0, 10, 20]);
  });

  it('does not fire what was cancelled', async () => {
    const environment = new VirtualEnvironment();
    let fired = false;
    environment.timers.after(5, () => (fired = true)).cancel();
    await environment.advance(10);
    assert.equal(fired, false);
    assert.equal(environment.nextTimerMs, undefined);
  });

  it('runs timers that timers set, within the same advance', async () => {
    const environment = new VirtualEnvironment();
    let count = 0;
    const tick = (): void => {
      count++;
      environment.timers.after(10, tick);
    };
    tick();
    await environment.advance(95);
    assert.equal(count, 10);
  });

  it('repeats itself from one seed, and differs from another', () => {
    const draw = (seed: number): string => new VirtualEnvironment({ seed }).random.uuid();
    assert.equal(draw(7), draw(7));
    assert.notEqual(draw(7), draw(8));
    assert.match(draw(7), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('awaits a promise by moving from timer to timer', async () => {
    const environment = new VirtualEnvironment();
    await environment.resolve(sleep(environment, 5_000));
    assert.equal(environment.elapsedMs, 5_000);
  });

  it('says what was awaited in vain', async () => {
    const environment = new VirtualEnvironment();
    const never = environment.until(() => false, { limitMs: 10, what: 'the end' });
    await assert.rejects(never, /Cannot reach the end/);
  });
});
