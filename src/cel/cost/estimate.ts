/**
 * Estimates what an expression can cost at least and at most, before it runs.
 *
 * Upstream: cel-go checker/cost.go, v0.26.
 */
import type { CheckedTree } from '../check/checker.ts';
import { DYN, optionalOf, type Type } from '../check/type.ts';
import {
  ACCUMULATOR,
  type CallExpr,
  type ComprehensionExpr,
  type Expr,
  FORMER_ACCUMULATOR,
  type ListExpr,
  type MapExpr,
  type SelectExpr,
} from '../syntax/ast.ts';
import { codePointLength, Duration, Timestamp, Uint, type Value } from '../value/value.ts';
import {
  type Bounds,
  exactly,
  ONE,
  plus,
  sum,
  times,
  union,
  UNBOUNDED,
  UNKNOWN,
  ZERO,
} from './bounds.ts';
import { standardEstimate } from './estimate-standard.ts';
import type { CallEstimate, CallEstimator, CostNode, SizeEstimator } from './node.ts';
import { LIST_CREATE_COST, MAP_CREATE_COST, STRUCT_CREATE_COST } from './runtime.ts';

/** The sizes of what a list or a map holds. */
interface EntrySizes {
  readonly isList: boolean;
  readonly key: Bounds;
  readonly value: Bounds;
}

interface LocalVariable {
  readonly path: readonly string[] | undefined;
  readonly size: Bounds | undefined;
  readonly entries: EntrySizes | undefined;
}

const SCALARS = new Set(['bool', 'double', 'duration', 'int', 'timestamp', 'uint']);

function isScalar(type: Type): boolean {
  const within = optionalOf(type);
  return within === undefined ? SCALARS.has(type.kind) : isScalar(within);
}

function literalSize(value: Value): Bounds | undefined {
  if (typeof value === 'string') return exactly(codePointLength(value));
  if (value instanceof Uint8Array) return exactly(value.length);
  const isFixed =
    value === null ||
    typeof value !== 'object' ||
    value instanceof Uint ||
    value instanceof Duration ||
    value instanceof Timestamp;
  return isFixed ? ONE : undefined;
}

function literalSizeOf(expr: Expr): Bounds | undefined {
  if (expr.kind === 'literal') return literalSize(expr.value);
  if (expr.kind === 'list') return exactly(expr.elements.length);
  return expr.kind === 'map' ? exactly(expr.entries.length) : undefined;
}

const isBinding = (expr: ComprehensionExpr): boolean =>
  expr.range.kind === 'list' &&
  expr.range.elements.length === 0 &&
  expr.condition.kind === 'literal' &&
  expr.condition.value === false &&
  expr.accumulator !== FORMER_ACCUMULATOR;

const unionEntries = (
  a: EntrySizes | undefined,
  b: EntrySizes | undefined,
): EntrySizes | undefined =>
  a === undefined || b === undefined
    ? undefined
    : { isList: a.isList, key: union(a.key, b.key), value: union(a.value, b.value) };

/** Nothing is within: sizes of the empty begin at none. */
const NOTHING: Bounds = { min: UNBOUNDED, max: 0 };

class Estimation {
  readonly #checked: CheckedTree;
  readonly #sizeOf: SizeEstimator;
  readonly #callOf: CallEstimator;
  readonly #paths = new Map<number, readonly string[]>();
  readonly #sizes = new Map<number, Bounds>();
  readonly #entries = new Map<number, EntrySizes>();
  readonly #locals = new Map<string, LocalVariable[]>();

  constructor(checked: CheckedTree, sizeOf: SizeEstimator, callOf: CallEstimator) {
    this.#checked = checked;
    this.#sizeOf = sizeOf;
    this.#callOf = callOf;
  }

  cost(expr: Expr): Bounds {
    switch (expr.kind) {
      case 'literal':
        return ZERO;
      case 'ident':
        return this.#nameCost(expr, expr.name);
      case 'select':
        return this.#selectCost(expr);
      case 'call':
        return this.#callCost(expr);
      case 'list':
        return this.#listCost(expr);
      case 'map':
        return this.#mapCost(expr);
      case 'struct': {
        const fields = expr.fields.map(({ value }) => this.cost(value));
        return plus(sum(fields), exactly(STRUCT_CREATE_COST));
      }
      case 'comprehension':
        return isBinding(expr) ? this.#bindingCost(expr) : this.#loopCost(expr);
    }
  }

  #local(name: string): LocalVariable | undefined {
    return this.#locals.get(name)?.at(-1);
  }

  #push(name: string, variable: LocalVariable): void {
    const stack = this.#locals.get(name);
    if (stack === undefined) this.#locals.set(name, [variable]);
    else stack.push(variable);
  }

  #pop(name: string): void {
    this.#locals.get(name)?.pop();
  }

  #typeOf(expr: Expr): Type {
    return this.#checked.types.get(expr.id) ?? DYN;
  }

  #pathOf(expr: Expr): readonly string[] | undefined {
    const local = expr.kind === 'ident' ? this.#local(expr.name) : undefined;
    return local === undefined ? this.#paths.get(expr.id) : local.path;
  }

  #setPath(expr: Expr, path: readonly string[] | undefined): void {
    if (path !== undefined) this.#paths.set(expr.id, path);
  }

  #entriesOf(expr: Expr): EntrySizes | undefined {
    const known = this.#entries.get(expr.id);
    if (known !== undefined || expr.kind !== 'ident') return known;
    return this.#local(expr.name)?.entries;
  }

  #setEntries(expr: Expr, entries: EntrySizes | undefined): void {
    if (entries !== undefined) this.#entries.set(expr.id, entries);
  }

  #setSize(expr: Expr, size: Bounds | undefined): void {
    if (size !== undefined) this.#sizes.set(expr.id, size);
  }

  #size(expr: Expr): Bounds | undefined {
    const known = this.#sizes.get(expr.id) ?? literalSizeOf(expr);
    if (known !== undefined) return known;
    const type = this.#typeOf(expr);
    const told = this.#sizeOf({ path: this.#pathOf(expr), type, expr, computedSize: undefined });
    if (told !== undefined) {
      this.#sizes.set(expr.id, told);
      return told;
    }
    if (isScalar(type)) return ONE;
    return expr.kind === 'ident' ? this.#local(expr.name)?.size : undefined;
  }

  #node(expr: Expr): CostNode {
    const path = this.#pathOf(expr);
    const isInternal = path?.[0] === ACCUMULATOR || path?.[0] === FORMER_ACCUMULATOR;
    return {
      path: isInternal || path?.length === 0 ? undefined : path,
      type: this.#typeOf(expr),
      expr,
      computedSize: this.#size(expr),
    };
  }

  #nameCost(expr: Expr, name: string): Bounds {
    const reference = this.#checked.idents.get(expr.id);
    const local = this.#local(name);
    this.#setPath(expr, local === undefined ? [reference?.name ?? name] : (local.path ?? []));
    return ONE;
  }

  #selectCost(expr: SelectExpr): Bounds {
    const reference = this.#checked.idents.get(expr.id);
    if (reference !== undefined) return this.#nameCost(expr, reference.name);
    const operand = this.cost(expr.operand);
    if (expr.isTest) return operand;
    const { kind } = this.#typeOf(expr.operand);
    this.#setPath(expr, [...(this.#pathOf(expr.operand) ?? []), expr.field]);
    return kind === 'map' || kind === 'struct' || kind === 'param' ? plus(operand, ONE) : operand;
  }

  #callCost(expr: CallExpr): Bounds {
    const reference = this.#checked.calls.get(expr.id);
    const [only] = expr.args;
    if (expr.name === 'dyn' && only !== undefined) {
      const cost = plus(this.cost(only), ONE);
      this.#copySizes(expr, only);
      return cost;
    }
    const costs = expr.args.map((arg) => this.cost(arg));
    const args = expr.args.map((arg) => this.#node(arg));
    if (reference === undefined) return ZERO;
    const target = reference.isNamespaced ? undefined : expr.target;
    const targetCost = target === undefined ? ZERO : this.cost(target);
    const targetNode = target === undefined ? undefined : this.#node(target);
    let cost: Bounds = NOTHING;
    let size: Bounds | undefined;
    for (const { id } of reference.overloads) {
      const call = { name: reference.name, overloadId: id, target: targetNode, args };
      const estimate = this.#overloadCost(expr, call, costs);
      cost = union(cost, estimate.cost);
      const { resultSize } = estimate;
      if (resultSize !== undefined)
        size = size === undefined ? resultSize : union(size, resultSize);
      if ((id === 'index_list' || id === 'index_map') && only !== undefined) {
        size = this.#entriesOf(only)?.value;
        const step = id === 'index_list' ? '@items' : '@values';
        this.#setPath(expr, [...(this.#pathOf(only) ?? []), step]);
      }
      size ??= this.#size(expr);
    }
    this.#setSize(expr, size);
    return plus(targetCost, cost);
  }

  #overloadCost(
    expr: CallExpr,
    call: Parameters<CallEstimator>[0],
    costs: readonly Bounds[],
  ): CallEstimate {
    const told = this.#callOf(call, this.#sizeOf);
    if (told !== undefined) return { ...told, cost: plus(told.cost, sum(costs)) };
    const [first, second, third] = expr.args;
    const [firstCost = ZERO, secondCost = ZERO, thirdCost = ZERO] = costs;
    if (call.overloadId === 'logical_and' || call.overloadId === 'logical_or') {
      return { cost: { min: firstCost.min, max: plus(firstCost, secondCost).max } };
    }
    if (call.overloadId === 'conditional' && second !== undefined && third !== undefined) {
      this.#setEntries(expr, unionEntries(this.#entriesOf(second), this.#entriesOf(third)));
      const [, isTrue, isFalse] = call.args.map(({ computedSize }) => computedSize ?? UNKNOWN);
      const resultSize = union(isTrue ?? UNKNOWN, isFalse ?? UNKNOWN);
      return { cost: plus(firstCost, union(secondCost, thirdCost)), resultSize };
    }
    if (call.overloadId === 'add_list' && first !== undefined && second !== undefined) {
      this.#setEntries(expr, unionEntries(this.#entriesOf(first), this.#entriesOf(second)));
    }
    const estimate = standardEstimate(call);
    return { ...estimate, cost: plus(estimate.cost, sum(costs)) };
  }

  #copySizes(to: Expr, from: Expr): void {
    this.#setSize(to, this.#size(from));
    this.#setEntries(to, this.#entriesOf(from));
  }

  #listCost(expr: ListExpr): Bounds {
    let cost = ZERO;
    let element: Bounds = expr.elements.length === 0 ? ZERO : NOTHING;
    for (const each of expr.elements) {
      cost = plus(cost, this.cost(each));
      element = union(element, this.#size(each) ?? UNKNOWN);
    }
    this.#setEntries(expr, { isList: true, key: ONE, value: element });
    return plus(cost, exactly(LIST_CREATE_COST));
  }

  #mapCost(expr: MapExpr): Bounds {
    let cost = ZERO;
    let [keys, values] = expr.entries.length === 0 ? [ZERO, ZERO] : [NOTHING, NOTHING];
    for (const { key, value } of expr.entries) {
      cost = plus(plus(cost, this.cost(key)), this.cost(value));
      keys = union(keys, this.#size(key) ?? UNKNOWN);
      values = union(values, this.#size(value) ?? UNKNOWN);
    }
    this.#setEntries(expr, { isList: false, key: keys, value: values });
    return plus(cost, exactly(MAP_CREATE_COST));
  }

  /** What a variable of a loop is: an element, a key, an index or a value of the range. */
  #iterated(range: Expr, part: 'single' | 'key' | 'value'): LocalVariable {
    const entries = this.#entriesOf(range);
    const isList = entries?.isList ?? this.#typeOf(range).kind === 'list';
    const step = (): string => {
      if (part === 'key') return isList ? '@indices' : '@keys';
      if (part === 'value') return isList ? '@items' : '@values';
      return isList ? '@items' : '@keys';
    };
    const isValue = part === 'value' || (part === 'single' && isList);
    const path = [...(this.#pathOf(range) ?? []), step()];
    return { path, size: isValue ? entries?.value : entries?.key, entries: undefined };
  }

  #bound(expr: Expr): LocalVariable {
    return { path: this.#pathOf(expr), size: this.#size(expr), entries: this.#entriesOf(expr) };
  }

  #loopCost(expr: ComprehensionExpr): Bounds {
    const { range, init, variable, variable2, accumulator } = expr;
    const before = plus(this.cost(range), this.cost(init));
    this.#push(accumulator, this.#bound(init));
    if (variable2 === undefined) {
      this.#push(variable, this.#iterated(range, 'single'));
    } else {
      this.#push(variable, this.#iterated(range, 'key'));
      this.#push(variable2, this.#iterated(range, 'value'));
    }
    const condition = this.cost(expr.condition);
    const step = this.cost(expr.step);
    this.#pop(variable);
    if (variable2 !== undefined) this.#pop(variable2);
    const after = this.cost(expr.result);
    this.#pop(accumulator);
    const rounds = this.#size(range) ?? UNKNOWN;
    this.#setLoopSize(expr, rounds);
    return plus(plus(before, after), times(rounds, plus(step, condition)));
  }

  #setLoopSize(expr: ComprehensionExpr, rounds: Bounds): void {
    const { kind } = expr.init;
    if (kind === 'literal') this.#setSize(expr, this.#size(expr.init));
    if (kind !== 'list' && kind !== 'map') return;
    this.#setSize(expr, rounds);
    this.#setEntries(expr, this.#entriesOf(expr.step));
  }

  #bindingCost(expr: ComprehensionExpr): Bounds {
    const before = plus(this.cost(expr.range), this.cost(expr.init));
    this.#push(expr.accumulator, this.#bound(expr.init));
    const after = this.cost(expr.result);
    this.#pop(expr.accumulator);
    this.#copySizes(expr, expr.result);
    return plus(before, after);
  }
}

/** What a checked expression can cost, by what schemas and libraries tell. */
export function estimateCost(
  checked: CheckedTree,
  { sizeOf, callOf }: { readonly sizeOf: SizeEstimator; readonly callOf: CallEstimator },
): Bounds {
  return new Estimation(checked, sizeOf, callOf).cost(checked.expr);
}
