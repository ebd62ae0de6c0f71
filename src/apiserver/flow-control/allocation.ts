/**
 * Divides seats among those who have bounds and wishes: to each the same fraction of what it wishes,
 * unless a bound says otherwise.
 *
 * Source: KEP-1040, "Seat Borrowing"; upstream v1.36
 * staging/src/k8s.io/apiserver/pkg/util/flowcontrol/conc_alloc.go states the problem.
 */

export interface Share {
  readonly lower: number;
  readonly upper: number;
  /** At least `lower`. */
  readonly target: number;
}

export interface Allocation {
  /** In the order of the shares. They sum to what was to be divided. */
  readonly seats: readonly number[];
  /** Of each wish, where no bound has a say. */
  readonly fraction: number;
}

/** A wish for less counts as this much, so that there is a fraction of it. */
const TARGET_MIN = 0.001;
const EPSILON = 1e-7;

/** Undefined where the bounds do not allow it: their sums lie above, or below, `total`. */
export function allocate(total: number, shares: readonly Share[]): Allocation | undefined {
  const bounded = shares.map(({ lower, upper, target }) => ({
    lower,
    upper,
    target: Math.max(target, TARGET_MIN),
  }));
  const lowest = sum(bounded.map(({ lower }) => lower));
  const highest = sum(bounded.map(({ upper }) => upper));
  if (lowest - total > EPSILON || total - highest > EPSILON) return undefined;
  const at = (fraction: number): number[] =>
    bounded.map(({ lower, upper, target }) => Math.max(lower, Math.min(upper, fraction * target)));
  // Between two of these fractions the sum grows evenly.
  const corners = bounded
    .flatMap(({ lower, upper, target }) => [lower / target, upper / target])
    .toSorted((a, b) => a - b);
  let before = corners[0] ?? 0;
  for (const corner of corners) {
    const sumHere = sum(at(corner));
    if (sumHere >= total) {
      const sumBefore = sum(at(before));
      const step = sumHere - sumBefore;
      const fraction =
        step <= 0 ? corner : before + ((corner - before) * (total - sumBefore)) / step;
      return { seats: at(fraction), fraction };
    }
    before = corner;
  }
  return { seats: bounded.map(({ upper }) => upper), fraction: before };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
