/**
 * A compiled expression that can be run.
 */
import { CelError, type Value } from '../value/value.ts';
import { CostLimitExceeded, type Eval, Frame } from './frame.ts';

/** Variables by name; what is not given is an error where it is read. */
export type Variables = Readonly<Record<string, Value>>;

export interface Evaluation {
  /** A value, or a `CelError`. */
  readonly value: Value;
  /** What the evaluation has cost, as upstream counts it. */
  readonly cost: number;
  /** Whether the evaluation ended because it cost too much. */
  readonly isOverBudget: boolean;
}

export class Program {
  readonly #evaluate: Eval;
  readonly #names: readonly string[];
  readonly #nameSlots: readonly number[];
  readonly #slotCount: number;
  readonly #costLimit: number;

  constructor(options: {
    readonly evaluate: Eval;
    readonly names: readonly (readonly [name: string, slot: number])[];
    readonly slotCount: number;
    readonly costLimit: number;
  }) {
    this.#evaluate = options.evaluate;
    this.#names = options.names.map(([name]) => name);
    this.#nameSlots = options.names.map(([, slot]) => slot);
    this.#slotCount = options.slotCount;
    this.#costLimit = options.costLimit;
  }

  /** The names of variables that the expression reads. */
  get variableNames(): readonly string[] {
    return this.#names;
  }

  /**
   * Runs the expression.
   *
   * @param costBudget ends the evaluation when it costs more; never more than the program's limit
   */
  evaluate(
    variables: Variables,
    { costBudget }: { readonly costBudget?: number } = {},
  ): Evaluation {
    const slots: (Value | undefined)[] = [];
    for (let slot = 0; slot < this.#slotCount; slot += 1) slots.push(undefined);
    for (let index = 0; index < this.#names.length; index += 1) {
      slots[this.#nameSlots[index] ?? 0] = variables[this.#names[index] ?? ''];
    }
    const limit =
      costBudget === undefined ? this.#costLimit : Math.min(costBudget, this.#costLimit);
    const frame = new Frame(slots, limit);
    try {
      const value = this.#evaluate(frame);
      return { value, cost: frame.cost, isOverBudget: false };
    } catch (error) {
      if (!(error instanceof CostLimitExceeded)) throw error;
      return { value: new CelError(error.message), cost: frame.cost, isOverBudget: true };
    }
  }
}
