import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FlushRounds } from './flush-rounds.ts';

const LONG_MS = 2;

function work(): void {
  const endMs = performance.now() + LONG_MS;
  while (performance.now() < endMs);
}

/** One round of `count` members, the last of which takes long. Resolves when it is over. */
function longRound(rounds: FlushRounds, count: number): Promise<void> {
  return new Promise((resolve) => {
    for (let i = 1; i < count; i++) rounds.join(() => {});
    rounds.join(() => {
      work();
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

test('after a long round of many the next one waits thrice as long', async () => {
  const rounds = new FlushRounds();
  await longRound(rounds, 100);
  const beganMs = performance.now();
  const called: number[] = [];
  await new Promise<void>((resolve) => {
    rounds.join(() => called.push(1));
    rounds.join(() => {
      called.push(2);
      resolve();
    });
  });
  // A turn of the loop went by since the round ended, and timers count in whole milliseconds.
  assert.ok(performance.now() - beganMs > LONG_MS, 'it did not wait');
  assert.deepEqual(called, [1, 2]);
});

test('rounds of few never wait', async () => {
  const rounds = new FlushRounds();
  await longRound(rounds, 3);
  let isCalled = false;
  rounds.join(() => {
    isCalled = true;
  });
  await new Promise<void>((resolve) => setImmediate(resolve));
  assert.equal(isCalled, true);
});
