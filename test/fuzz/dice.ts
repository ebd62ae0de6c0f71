/** Choices from one seed. */
import { SeededRandom } from '#base/virtual/seeded-random.ts';

export class Dice {
  readonly #random: SeededRandom;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  /** An integer from 0 to `limit` - 1. */
  below(limit: number): number {
    return Math.floor(this.#random.next() * limit);
  }

  chance(probability: number): boolean {
    return this.#random.next() < probability;
  }

  /** One of `values`, of which there is at least one. */
  pick<T>(values: readonly T[]): T {
    const value = values[this.below(values.length)];
    if (value === undefined) throw new RangeError('Cannot pick from nothing');
    return value;
  }

  bytes(count: number): Uint8Array {
    return this.#random.bytes(count);
  }
}
