/**
 * The expressions of one policy, compiled and run: its variables are computed when they are first
 * read, and all that is run is paid from one budget.
 *
 * Upstream: admission/plugin/cel/{activation,composition,condition}.go.
 */
import {
  type AdmissionVariables,
  admissionEnvironment,
} from '#api/admissionregistration/admission-environment.ts';
import { composedType } from '#api/admissionregistration/type-checking.ts';
import type { Variable } from '#api/gen/admissionregistration-v1.ts';
import { DYN, type Type } from '#cel/check/type.ts';
import type { Variables } from '#cel/eval/program.ts';
import type { CelFailure, CelProgram } from '#cel/kubernetes.ts';
import { LazyMap } from '#cel/value/lazy-map.ts';
import { CelError, type Value } from '#cel/value/value.ts';
import { failureText, OUT_OF_BUDGET, STORED_MINOR } from '../matching/compiled.ts';

export interface Expression {
  readonly text: string;
  readonly program: CelProgram | CelFailure;
}

/** Of whom an expression is. */
type Uses = Pick<AdmissionVariables, 'hasAuthorizer' | 'hasPatchTypes'>;

const PLAIN: Uses = { hasAuthorizer: true, hasPatchTypes: false };

/** Compiles the expressions of one policy. */
export class PolicyCompiler {
  readonly #hasParams: boolean;
  readonly #composed = new Map<string, Type>();
  /** The policy's variables by name; each may read those before it. */
  readonly variables: ReadonlyMap<string, Expression>;

  constructor(hasParams: boolean, variables: readonly Variable[] = []) {
    this.#hasParams = hasParams;
    const compiled = new Map<string, Expression>();
    for (const { name, expression } of variables) {
      const made = this.compile(expression);
      this.#composed.set(name, 'type' in made.program ? composedType(made.program.type) : DYN);
      compiled.set(name, made);
    }
    this.variables = compiled;
  }

  /** `results`: of which types the result may be; any unless given. */
  compile(text: string, results?: readonly Type[], uses: Uses = PLAIN): Expression {
    const environment = admissionEnvironment(STORED_MINOR, {
      ...uses,
      hasParams: this.#hasParams,
      composed: this.#composed,
    });
    const options = results === undefined ? {} : { expectedTypes: results };
    return { text, program: environment.compile(text, options) };
  }
}

/** More was run than a request may cost: nothing further is. */
export class OutOfBudget extends Error {
  constructor() {
    super(OUT_OF_BUDGET);
    this.name = 'OutOfBudget';
  }
}

/** What expressions may still cost. */
export class CostBudget {
  #left: number;

  constructor(limit: number) {
    this.#left = limit;
  }

  get left(): number {
    return this.#left;
  }

  /** Throws OutOfBudget. */
  spend(cost: number): void {
    if (cost > this.#left) throw new OutOfBudget();
    this.#left -= cost;
  }
}

export type Outcome = { readonly value: Value } | { readonly error: string };

/** Runs expressions on one set of variables. */
export class Activation {
  readonly #variables: Variables;
  readonly #budget: CostBudget;
  /** Of the policy's variables, by the expression that is run. */
  #composedCost = 0;

  constructor(given: Variables, composed: ReadonlyMap<string, Expression>, budget: CostBudget) {
    const lazy = new LazyMap();
    this.#variables = { ...given, variables: lazy };
    this.#budget = budget;
    for (const [name, expression] of composed)
      lazy.add(name, () => this.#compute(name, expression));
  }

  /** Throws OutOfBudget. */
  run({ text, program: compiled }: Expression): Outcome {
    if (!('program' in compiled)) return { error: `compilation error: ${failureText(compiled)}` };
    const { value, cost } = compiled.program.evaluate(this.#variables);
    const composedCost = this.#composedCost;
    this.#composedCost = 0;
    this.#budget.spend(composedCost);
    this.#budget.spend(cost);
    if (value instanceof CelError)
      return { error: `expression '${text}' resulted in error: ${value.message}` };
    return { value };
  }

  #compute(name: string, { program: compiled }: Expression): Value {
    const variable = `composited variable ${JSON.stringify(name)}`;
    if (!('program' in compiled))
      return new CelError(`${variable} fails to compile: ${failureText(compiled)}`);
    const { value, cost } = compiled.program.evaluate(this.#variables);
    this.#composedCost += cost;
    return value instanceof CelError
      ? new CelError(`${variable} fails to evaluate: ${value.message}`)
      : value;
  }
}
