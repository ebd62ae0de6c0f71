/**
 * The parts of which programs are compiled: shared by the planner and what it hands work to.
 */
import type { CheckedTree } from '../check/checker.ts';
import type { TypeProvider } from '../check/declarations.ts';
import type { CallCost } from '../cost/runtime.ts';
import type { Expr } from '../syntax/ast.ts';
import { CelError, Optional, typeNameOf, type Value } from '../value/value.ts';
import type { Eval, Frame } from './frame.ts';

/** A compiled part of an expression. */
export type Plan =
  | { readonly kind: 'constant'; readonly value: Value }
  /** A name or what is read from something: `isFree` leaves out the cost of its beginning. */
  | { readonly kind: 'attribute'; readonly make: (isFree: boolean) => Eval }
  | { readonly kind: 'other'; readonly evaluate: Eval };

export interface PlanOptions {
  readonly provider: TypeProvider;
  /** Whether constant parts are made once, as the API server does. */
  readonly isOptimized: boolean;
  /** Whether asking for a part of what has no parts is an error rather than no. */
  readonly isPresenceStrict: boolean;
  readonly costOf: (name: string, overloadId: string) => CallCost | undefined;
}

/** Why a checked expression cannot become a program. */
export class PlanError extends Error {
  override readonly name = 'PlanError';
}

/** What compiles expressions, for those that compile parts of them. */
export interface Planning {
  readonly checked: CheckedTree;
  readonly options: PlanOptions;
  /** What is computed when its slot is first read. */
  readonly lazySlots: Map<number, Eval>;
  readonly plan: (expr: Expr) => Plan;
  /** The closure of an expression, with its full cost. */
  readonly compile: (expr: Expr) => Eval;
  /** A slot of its own. */
  readonly newSlot: () => number;
  /** Runs `plan` while names have slots of their own. */
  readonly within: <T>(names: ReadonlyMap<string, number>, plan: () => T) => T;
}

/** A plan as a closure, with its full cost. */
export function evalOf(plan: Plan): Eval {
  if (plan.kind === 'attribute') return plan.make(false);
  if (plan.kind === 'other') return plan.evaluate;
  const { value } = plan;
  return () => value;
}

/** What a field is read from: of anything but a name, reading costs 1 more. */
export function baseEval(plan: Plan, isFree: boolean): Eval {
  if (plan.kind === 'attribute') return plan.make(isFree);
  const evaluate = evalOf(plan);
  if (isFree) return evaluate;
  return (frame) => {
    const value = evaluate(frame);
    frame.charge(1);
    return value;
  };
}

/** The elements of a list literal; what is optional and absent is left out. */
export function evaluateElements(
  evals: readonly Eval[],
  optionals: ReadonlySet<number>,
  frame: Frame,
): Value[] | CelError {
  const elements: Value[] = [];
  let failed: CelError | undefined;
  for (const [index, evaluate] of evals.entries()) {
    const value = evaluate(frame);
    if (value instanceof CelError) failed ??= value;
    if (!optionals.has(index)) {
      elements.push(value);
    } else if (!(value instanceof Optional)) {
      failed ??= new CelError(
        `cannot initialize optional list element from non-optional value ${typeNameOf(value)}`,
      );
    } else if (value.value !== undefined) {
      elements.push(value.value);
    }
  }
  return failed ?? elements;
}
