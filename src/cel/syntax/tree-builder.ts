/**
 * Makes nodes of the syntax tree and remembers where in the text each of them stands.
 *
 * Macros get one of these too: what a macro makes stands where the macro's call stands.
 */
import type { Value } from '../value/value.ts';
import {
  ACCUMULATOR,
  type CallExpr,
  type ComprehensionExpr,
  type Expr,
  type IdentExpr,
  type ListExpr,
  type LiteralExpr,
  type MapEntry,
  type MapExpr,
  type SelectExpr,
  type StructExpr,
  type StructField,
} from './ast.ts';

const NO_OPTIONALS: ReadonlySet<number> = new Set();

/** Offsets in UTF-16 units by the id of a node; ids count from 1. */
export type Offsets = readonly (number | undefined)[];

/** The parts of a loop; what is left out is what most macros have. */
export interface LoopParts {
  readonly range: Expr;
  readonly variable: string;
  readonly variable2?: string;
  readonly accumulator?: string;
  readonly init: Expr;
  readonly condition: Expr;
  readonly step: Expr;
  readonly result: Expr;
}

/** Nodes whose place is one given offset, until `at` names another. */
export class TreeBuilder {
  readonly #offsets: (number | undefined)[];
  #offset: number;

  constructor(offsets: (number | undefined)[] = [undefined], offset = 0) {
    this.#offsets = offsets;
    this.#offset = offset;
  }

  get offsets(): Offsets {
    return this.#offsets;
  }

  /** A builder for the same tree whose nodes stand at `offset`. */
  at(offset: number): TreeBuilder {
    return new TreeBuilder(this.#offsets, offset);
  }

  /** An id of its own for a node that stands at this builder's place. */
  id(): number {
    this.#offsets.push(this.#offset);
    return this.#offsets.length - 1;
  }

  literal(value: Value): LiteralExpr {
    return { kind: 'literal', id: this.id(), value };
  }

  ident(name: string): IdentExpr {
    return { kind: 'ident', id: this.id(), name };
  }

  accumulator(): IdentExpr {
    return this.ident(ACCUMULATOR);
  }

  select(operand: Expr, field: string): SelectExpr {
    return { kind: 'select', id: this.id(), operand, field, isTest: false };
  }

  presenceTest(operand: Expr, field: string): SelectExpr {
    return { kind: 'select', id: this.id(), operand, field, isTest: true };
  }

  call(name: string, ...args: readonly Expr[]): CallExpr {
    return { kind: 'call', id: this.id(), name, target: undefined, args };
  }

  memberCall(name: string, target: Expr, ...args: readonly Expr[]): CallExpr {
    return { kind: 'call', id: this.id(), name, target, args };
  }

  list(elements: readonly Expr[] = [], optionals = NO_OPTIONALS): ListExpr {
    return { kind: 'list', id: this.id(), elements, optionals };
  }

  map(entries: readonly MapEntry[] = []): MapExpr {
    return { kind: 'map', id: this.id(), entries };
  }

  struct(typeName: string, fields: readonly StructField[]): StructExpr {
    return { kind: 'struct', id: this.id(), typeName, fields };
  }

  loop(parts: LoopParts): ComprehensionExpr {
    const { range, variable, variable2, accumulator = ACCUMULATOR } = parts;
    const { init, condition, step, result } = parts;
    return {
      kind: 'comprehension',
      id: this.id(),
      range,
      variable,
      variable2,
      accumulator,
      init,
      condition,
      step,
      result,
    };
  }

  /** `variable` is `init` within `result`: the loop over nothing that `cel.bind` makes. */
  binding(variable: string, init: Expr, result: Expr): ComprehensionExpr {
    return this.loop({
      range: this.list(),
      variable: '#unused',
      accumulator: variable,
      init,
      condition: this.literal(false),
      step: this.ident(variable),
      result,
    });
  }

  /** The same expression with ids of its own, for a macro that uses an argument twice. */
  copy(expr: Expr): Expr {
    const twin = this.#twin(expr);
    this.#offsets[twin.id] = this.#offsets[expr.id];
    return twin;
  }

  #twin(expr: Expr): Expr {
    const id = this.id();
    switch (expr.kind) {
      case 'literal':
      case 'ident':
        return { ...expr, id };
      case 'select':
        return { ...expr, id, operand: this.copy(expr.operand) };
      case 'call': {
        const target = expr.target === undefined ? undefined : this.copy(expr.target);
        return { ...expr, id, target, args: expr.args.map((each) => this.copy(each)) };
      }
      case 'list':
        return { ...expr, id, elements: expr.elements.map((each) => this.copy(each)) };
      case 'map': {
        const entries = expr.entries.map((entry) => ({
          ...entry,
          id: this.id(),
          key: this.copy(entry.key),
          value: this.copy(entry.value),
        }));
        return { ...expr, id, entries };
      }
      case 'struct': {
        const copyField = (field: StructField): StructField => {
          return { ...field, id: this.id(), value: this.copy(field.value) };
        };
        return { ...expr, id, fields: expr.fields.map(copyField) };
      }
      case 'comprehension':
        return {
          ...expr,
          id,
          range: this.copy(expr.range),
          init: this.copy(expr.init),
          condition: this.copy(expr.condition),
          step: this.copy(expr.step),
          result: this.copy(expr.result),
        };
    }
  }
}
