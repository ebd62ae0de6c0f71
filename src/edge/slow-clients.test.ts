/** Who is cut off, and when, by a clock of the test. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Breakable, SlowClients } from './slow-clients.ts';

const MIB = 1024 * 1024;

class World {
  nowMs = 1_000;
  readonly broken: string[] = [];
  readonly slow = new SlowClients({
    monotonicMs: () => this.nowMs,
    readMs: 100,
    bodyMs: 200,
    bodiesMaxBytes: 10,
  });

  client(name: string): Breakable {
    return { destroy: () => this.broken.push(name) };
  }

  after(ms: number): readonly string[] {
    this.nowMs += ms;
    this.slow.look();
    return this.broken;
  }
}

describe('a reader', () => {
  it('has its time for what waits, more for much, and none is counted when nothing waits', () => {
    const world = new World();
    world.slow.reader(world.client('small')).owes(1);
    world.slow.reader(world.client('large')).owes(MIB);
    const quick = world.slow.reader(world.client('quick'));
    quick.owes(1);
    quick.taken();
    assert.deepEqual(world.after(99), []);
    assert.deepEqual(world.after(1), ['small']);
    assert.deepEqual(world.after(299), ['small']);
    assert.deepEqual(world.after(1), ['small', 'large']);
    assert.deepEqual(world.after(1_000), ['small', 'large']);
  });

  it('keeps the longer time when less is added, and is forgotten when it has gone', () => {
    const world = new World();
    const client = world.client('large');
    const reader = world.slow.reader(client);
    reader.owes(MIB);
    reader.owes(1);
    assert.deepEqual(world.after(399), []);
    world.slow.forget(client);
    assert.deepEqual(world.after(1), []);
  });
});

describe('a body', () => {
  it('has its time, however much comes, and then no more', () => {
    const world = new World();
    const [late, done] = [world.client('late'), world.client('done')];
    world.slow.grows(late, 0);
    world.slow.grows(done, 1);
    world.slow.ends(done);
    assert.deepEqual(world.after(199), []);
    world.slow.grows(late, 1);
    assert.deepEqual(world.after(1), ['late']);
  });

  it('gives way to younger ones when all together are too large', () => {
    const world = new World();
    const [old, young] = [world.client('old'), world.client('young')];
    world.slow.grows(old, 6);
    world.slow.grows(young, 4);
    assert.deepEqual(world.broken, []);
    world.slow.grows(young, 1);
    assert.deepEqual(world.broken, ['old']);
    world.slow.grows(young, 5);
    assert.deepEqual(world.broken, ['old']);
    world.slow.grows(young, 1);
    assert.deepEqual(world.broken, ['old', 'young']);
  });
});
