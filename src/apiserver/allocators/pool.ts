/**
 * Numbers (addresses, ports) of which each has one owner at a time, and ranges to take them from.
 *
 * What the watch cache shows as used is used; what was given out and does not show yet is held.
 * Nothing is lost when a process dies: the next one reads what is used from the objects.
 *
 * Dynamic allocation takes from the upper band first and leaves the lower one to those who choose
 * their number (KEP-3070, KEP-3668).
 */
import type { Random } from '#base/env.ts';
import type { Fill } from './metrics.ts';

/** Who has which number. Ranges that overlap share it. */
export class Holders {
  /** Number → owners. More than one owner is a mistake of the past that must not spread. */
  readonly #used = new Map<bigint, Set<string>>();
  readonly #held = new Set<bigint>();

  /** How many numbers are taken, at most. */
  get size(): number {
    return this.#used.size + this.#held.size;
  }

  /** How many numbers from `first` to `last` are taken. */
  countIn(first: bigint, last: bigint): number {
    let count = 0;
    for (const numbers of [this.#used.keys(), this.#held])
      for (const number of numbers) if (number >= first && number <= last) count++;
    return count;
  }

  isFree(number: bigint): boolean {
    return !this.#used.has(number) && !this.#held.has(number);
  }

  /** Reserves `number` until it shows as used, or is given back. */
  hold(number: bigint): void {
    this.#held.add(number);
  }

  giveBack(number: bigint): void {
    this.#held.delete(number);
  }

  /** `owner` is seen with `number`. */
  use(number: bigint, owner: string): void {
    this.#held.delete(number);
    const owners = this.#used.get(number);
    if (owners === undefined) this.#used.set(number, new Set([owner]));
    else owners.add(owner);
  }

  /** `owner` is not seen with `number` any more. */
  release(number: bigint, owner: string): void {
    const owners = this.#used.get(number);
    owners?.delete(owner);
    if (owners?.size === 0) this.#used.delete(number);
  }
}

export interface PoolOptions {
  /** The first and the last number that may be given out. */
  readonly first: bigint;
  readonly last: bigint;
  /** How many numbers at the start dynamic allocation leaves for last. */
  readonly lowerBand: bigint;
  readonly random: Random;
  readonly holders: Holders;
}

/** A range of numbers. */
export class Pool {
  readonly first: bigint;
  readonly last: bigint;
  readonly holders: Holders;
  readonly #lowerBand: bigint;
  readonly #random: Random;

  constructor(options: PoolOptions) {
    this.first = options.first;
    this.last = options.last;
    this.holders = options.holders;
    this.#lowerBand = options.lowerBand;
    this.#random = options.random;
  }

  contains(number: bigint): boolean {
    return number >= this.first && number <= this.last;
  }

  /** How many numbers are taken, and how many are not. */
  fill(): Fill {
    const taken = this.holders.countIn(this.first, this.last);
    const size = this.last - this.first + 1n;
    return { taken, free: Math.max(0, Number(size > MOST ? MOST : size) - taken) };
  }

  /** A number that nobody has; undefined when the pool is empty. It is not held yet. */
  findFree(): bigint | undefined {
    const split = this.first + this.#lowerBand;
    return this.#findIn(split, this.last) ?? this.#findIn(this.first, split - 1n);
  }

  /** From a random place on, round the band. */
  #findIn(from: bigint, to: bigint): bigint | undefined {
    const size = to - from + 1n;
    if (size <= 0n) return undefined;
    const start = BigInt(Math.floor(this.#random.next() * Number(size > SPREAD ? SPREAD : size)));
    // No more than what is taken can be in the way.
    const tries = BigInt(this.holders.size + 1);
    for (let step = 0n; step < size && step < tries; step++) {
      const number = from + ((start + step) % size);
      if (this.holders.isFree(number)) return number;
    }
    return undefined;
  }
}

/** Upstream counts no further in a range: the largest of Go's `int`. */
const MOST = 2n ** 63n - 1n;

/** Random starts are spread over this many numbers: doubles are exact to here. */
const SPREAD = 2n ** 48n;

/** How large the band for chosen numbers is: never below `least` nor above `most`. */
export function lowerBand(
  size: bigint,
  options: { least: bigint; most: bigint; step: bigint },
): bigint {
  if (size <= options.least) return 0n;
  const band = size / options.step;
  return band < options.least ? options.least : band > options.most ? options.most : band;
}
