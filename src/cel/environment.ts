/**
 * A CEL environment: what expressions may name, and how they become programs.
 *
 * `kubernetes.ts` makes the environments of Kubernetes of it.
 */
import { check, type CheckedTree, type CheckOutcome } from './check/checker.ts';
import {
  type Declarations,
  type FunctionTable,
  mergeFunctions,
  NO_TYPES,
  type TypeProvider,
} from './check/declarations.ts';
import { DYN, type Type } from './check/type.ts';
import { type CallCost, callCost } from './cost/runtime.ts';
import { Planner } from './eval/plan.ts';
import { PlanError } from './eval/planning.ts';
import { Program } from './eval/program.ts';
import { resolveUnchecked } from './eval/unchecked.ts';
import { STANDARD_TYPES } from './library/standard.ts';
import { type Macro, MacroTable } from './syntax/macros.ts';
import { parse, type ParsedTree } from './syntax/parser.ts';
import { displayIssues, type Issue } from './syntax/source.ts';

/** Looks at a checked expression and tells what else is wrong with it. */
export type Validator = (checked: CheckedTree) => readonly Issue[];

export interface EnvironmentOptions {
  readonly libraries: readonly FunctionTable[];
  readonly macros: readonly Macro[];
  readonly types?: readonly (readonly [name: string, type: Type])[];
  readonly variables?: Readonly<Record<string, Type>>;
  readonly provider?: TypeProvider;
  readonly container?: string;
  readonly hasOptionalSyntax?: boolean;
  readonly hasEscapedNames?: boolean;
  readonly isOptimized?: boolean;
  readonly isPresenceStrict?: boolean;
  readonly validators?: readonly Validator[];
  readonly costOf?: (name: string, overloadId: string) => CallCost | undefined;
  /** What one evaluation may cost. */
  readonly costLimit?: number;
}

/** An expression that is right, with its type. */
export interface Compiled {
  readonly checked: CheckedTree;
  readonly type: Type;
}

/** What is wrong with an expression, as upstream prints it. */
export interface CompileFailure {
  readonly issues: readonly Issue[];
  readonly message: string;
}

export class Environment {
  readonly #options: EnvironmentOptions;
  readonly #declarations: Declarations;
  readonly #macros: MacroTable;

  constructor(options: EnvironmentOptions) {
    this.#options = options;
    this.#macros = new MacroTable(options.macros);
    this.#declarations = {
      functions: mergeFunctions(options.libraries),
      variables: new Map(Object.entries(options.variables ?? {})),
      types: new Map([...STANDARD_TYPES, ...(options.types ?? [])]),
      provider: options.provider ?? NO_TYPES,
      container: options.container ?? '',
    };
  }

  /** The same environment with more variables, and with types of objects in place of its own. */
  extend(added: {
    readonly variables?: Readonly<Record<string, Type>>;
    readonly provider?: TypeProvider;
  }): Environment {
    const variables = { ...this.#options.variables, ...added.variables };
    const provider = added.provider ?? this.#options.provider;
    const options = { ...this.#options, variables };
    return new Environment(provider === undefined ? options : { ...options, provider });
  }

  parse(text: string): ParsedTree {
    const { hasOptionalSyntax = false, hasEscapedNames = false } = this.#options;
    return parse(text, { macros: this.#macros, hasOptionalSyntax, hasEscapedNames });
  }

  /** Parses and checks an expression. */
  compile(text: string): Compiled | CompileFailure {
    const tree = this.parse(text);
    const failure = (issues: readonly Issue[]): CompileFailure => ({
      issues,
      message: displayIssues(issues, tree.source),
    });
    if (tree.expr === undefined) return failure(tree.issues);
    const checked: CheckOutcome = check(tree, tree.expr, this.#declarations);
    if ('issues' in checked) return failure(checked.issues);
    const issues = (this.#options.validators ?? []).flatMap((validate) => validate(checked));
    if (issues.length > 0) return failure(issues);
    return { checked, type: checked.types.get(checked.expr.id) ?? DYN };
  }

  /** Makes a program of a checked expression; throws `PlanError` with upstream's words. */
  program(checked: CheckedTree): Program {
    const { isOptimized = false, isPresenceStrict = false } = this.#options;
    const { costLimit = Number.POSITIVE_INFINITY } = this.#options;
    const { provider } = this.#declarations;
    const costOf = this.#options.costOf ?? callCost;
    const planner = new Planner(checked, { provider, isOptimized, isPresenceStrict, costOf });
    const evaluate = planner.compile(checked.expr);
    const names = [...planner.variables];
    return new Program({ evaluate, names, slotCount: planner.slotCount, costLimit });
  }

  /** Makes a program of an expression whose types are not checked. */
  uncheckedProgram(tree: ParsedTree): Program {
    if (tree.expr === undefined) throw new PlanError(displayIssues(tree.issues, tree.source));
    return this.program(resolveUnchecked(tree, tree.expr, this.#declarations));
  }
}
