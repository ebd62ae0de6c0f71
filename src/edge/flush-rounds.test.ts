import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FlushRounds } from './flush-rounds.ts';

const LONG_MS = 2;

/** Time goes on only while a round works. */
class Clock {
  ms = 0;
  readonly now = (): number => this.ms;
}

/** One round of `count` members, the last of which takes long. Resolves when it is over. */
function longRound(rounds: FlushRounds, clock: Clock, count: number): Promise<void> {
  return new Promise((resolve) => {
    for (let i = 1; i < count; i++) rounds.join(() => {});
    rounds.join(() => {
      clock.ms += LONG_MS;
      setImmediate(resolve);
    });
  });
}

test('members of one round are called in their order, in a later turn', async () => {
  const rounds = new FlushRounds();
  const called: number[] = [];
  rounds.join(() => called.push(1));
  rounds.join(() => called.push(2));
  assert.deepEqual(called, []);
  await new Promise<void>((resolve) => setImmediate(resolve));
  assert.deepEqual(called, [1, 2]);
});

test('after a long round of many the next one waits thrice as long', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const clock = new Clock();
  const rounds = new FlushRounds(clock.now);
  await longRound(rounds, clock, 100);
  const called: number[] = [];
  rounds.join(() => called.push(1));
  rounds.join(() => called.push(2));
  t.mock.timers.tick(3 * LONG_MS - 1);
  assert.deepEqual(called, []);
  t.mock.timers.tick(1);
  assert.deepEqual(called, [1, 2]);
});

test('rounds of few never wait', async () => {
  const clock = new Clock();
  const rounds = new FlushRounds(clock.now);
  await longRound(rounds, clock, 3);
  let isCalled = false;
  rounds.join(() => {
    isCalled = true;
  });
  await new Promise<void>((resolve) => setImmediate(resolve));
  assert.equal(isCalled, true);
});
