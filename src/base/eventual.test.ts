import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { firstThere, whenThere } from './eventual.ts';

describe('whenThere', () => {
  it('goes on at once with what is there', () => {
    assert.equal(
      whenThere(2, (value) => value + 1),
      3,
    );
  });

  it('waits for what comes later', async () => {
    const answer = whenThere(Promise.resolve(2), (value) => value + 1);
    assert.ok(answer instanceof Promise);
    assert.equal(await answer, 3);
  });
});

describe('firstThere', () => {
  it('asks in order until one answers, and makes no promise of it', () => {
    const asked: number[] = [];
    const answer = firstThere([1, 2, 3], (item) => {
      asked.push(item);
      return item === 2 ? 'two' : undefined;
    });
    assert.equal(answer, 'two');
    assert.deepEqual(asked, [1, 2]);
  });

  it('waits for one before the next is asked', async () => {
    const asked: number[] = [];
    const answer = firstThere([1, 2, 3, 4], (item) => {
      asked.push(item);
      return item === 1 ? undefined : Promise.resolve(item === 3 ? 'three' : undefined);
    });
    assert.deepEqual(asked, [1, 2]);
    assert.equal(await answer, 'three');
    assert.deepEqual(asked, [1, 2, 3]);
  });

  it('answers nothing when none does', async () => {
    assert.equal(
      firstThere([1], () => undefined),
      undefined,
    );
    assert.equal(await firstThere([1, 2], () => Promise.resolve(undefined)), undefined);
  });
});
