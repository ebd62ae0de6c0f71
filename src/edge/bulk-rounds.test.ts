/** Who sends when, by a clock of the test on which each turn takes a millisecond. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Bulk, BulkRounds } from './bulk-rounds.ts';

class World {
  nowMs = 0;
  /** Whose turns there were; `|` between rounds. */
  readonly turns: string[] = [];
  readonly rounds: BulkRounds;
  #next: (() => void) | undefined;

  constructor() {
    this.rounds = new BulkRounds(
      () => this.nowMs,
      (run) => {
        this.#next = run;
      },
    );
  }

  /** An answer of so many turns. */
  answer(owner: string, name: string, length: number): Bulk {
    let left = length;
    const bulk: Bulk = {
      owner,
      left: () => left,
      turn: () => {
        this.nowMs++;
        left--;
        this.turns.push(name);
        if (left === 0) this.rounds.leave(bulk);
        else this.rounds.join(bulk);
      },
    };
    this.rounds.join(bulk);
    return bulk;
  }

  run(rounds = Number.POSITIVE_INFINITY): string {
    for (let nth = 0; nth < rounds && this.#next !== undefined; nth++) {
      const next = this.#next;
      this.#next = undefined;
      next();
      this.turns.push('|');
    }
    return this.turns.join(' ');
  }
}

describe('large answers', () => {
  it('have some turns in a round, and leave the rest of it to others', () => {
    const world = new World();
    world.answer('a', 'a', 12);
    assert.equal(world.run(), 'a a a a a | a a a a a | a a |');
  });

  it('of one owner take turns with those of another, however many they are', () => {
    const world = new World();
    for (let nth = 0; nth < 100; nth++) world.answer('mallory', 'm', 10);
    world.answer('bob', 'b', 5);
    assert.equal(world.run(2), 'm b m b m | b m b m b |');
  });

  it('of one owner end one after the other: the shortest, and what is longest under way', () => {
    const world = new World();
    world.answer('a', 'old', 3);
    world.answer('a', 'long', 3);
    world.answer('a', 'short', 2);
    assert.equal(world.run(), 'short old short old old | long long long |');
  });

  it('are under way eight at a time; those that are slow make room, up to a number of them', () => {
    const world = new World();
    const begun = new Set<number>();
    const many = Array.from(
      { length: 200 },
      (_, nth): Bulk => ({
        owner: 'a',
        left: () => 1,
        turn: () => {
          world.nowMs++;
          begun.add(nth);
        },
      }),
    );
    const firsts = (count: number): Set<number> =>
      new Set(Array.from({ length: count }, (_, n) => n));
    const runs = (): Set<number> => {
      world.run();
      return begun;
    };
    for (const each of many) world.rounds.join(each);
    assert.deepEqual(runs(), firsts(8));
    for (const each of many.slice(0, 3)) world.rounds.leave(each);
    assert.deepEqual(runs(), firsts(11));
    // Each that makes room lets another begin, which is slow as well: 8 under way and 64 that wait.
    for (const each of many.slice(3)) world.rounds.stalls(each);
    assert.deepEqual(runs(), firsts(3 + 8 + 64));
    // One of them is taken on, and waits for its turn among the others.
    const [, , , slow] = many;
    assert.ok(slow);
    world.rounds.join(slow);
    world.rounds.leave(many[74] ?? slow);
    assert.deepEqual(runs(), firsts(76));
  });
});
