/**
 * What one evaluation holds: the values of variables, and what it has cost so far.
 *
 * Upstream: cel-go interpreter/runtimecost.go (CostTracker), v0.26: going over the limit ends the
 * evaluation, and no operator absorbs that.
 */
import type { Value } from '../value/value.ts';

/** Ends an evaluation; thrown by `charge`, caught where programs are run. */
export class CostLimitExceeded extends Error {
  override readonly name = 'CostLimitExceeded';

  constructor() {
    super('operation cancelled: actual cost limit exceeded');
  }
}

export class Frame {
  cost = 0;
  readonly limit: number;
  /** Variables of the program first, those of its loops after them. */
  readonly slots: (Value | undefined)[];

  constructor(slots: (Value | undefined)[], limit: number) {
    this.slots = slots;
    this.limit = limit;
  }

  charge(cost: number): void {
    this.cost += cost;
    if (this.cost > this.limit) throw new CostLimitExceeded();
  }
}

/** A compiled expression. Errors are values; only `CostLimitExceeded` is thrown. */
export type Eval = (frame: Frame) => Value;
