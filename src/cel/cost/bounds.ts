/**
 * Sizes and costs as ranges, with arithmetic that stops at 2 to the 64.
 *
 * Upstream: cel-go checker/cost.go (SizeEstimate, CostEstimate), v0.26.
 */

/** At least and at most so much: of a size or of a cost. */
export interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** Upstream's largest number, as a double. */
export const UNBOUNDED = 2 ** 64;

const cap = (value: number): number => (value >= UNBOUNDED ? UNBOUNDED : value);

export const exactly = (value: number): Bounds => ({ min: value, max: value });
export const UNKNOWN: Bounds = { min: 0, max: UNBOUNDED };
export const ZERO = exactly(0);
export const ONE = exactly(1);

export const plus = (a: Bounds, b: Bounds): Bounds => ({
  min: cap(a.min + b.min),
  max: cap(a.max + b.max),
});

export const times = (a: Bounds, b: Bounds): Bounds => ({
  min: cap(a.min * b.min),
  max: cap(a.max * b.max),
});

/** Times a factor, rounded up. */
export const byFactor = (a: Bounds, factor: number): Bounds => ({
  min: cap(Math.ceil(a.min * factor)),
  max: cap(Math.ceil(a.max * factor)),
});

/** What holds both. */
export const union = (a: Bounds, b: Bounds): Bounds => ({
  min: Math.min(a.min, b.min),
  max: Math.max(a.max, b.max),
});

export const sum = (all: readonly Bounds[]): Bounds => all.reduce(plus, ZERO);
