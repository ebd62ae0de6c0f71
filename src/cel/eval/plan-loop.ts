/**
 * Compiles loops: what the macros over lists and maps have become.
 *
 * Upstream: cel-go interpreter/interpretable.go (evalFold), v0.26. A loop that collects adds to one
 * list or map of its own instead of copying it in every round; what is bound by a name is computed
 * when the name is first used.
 */
import { LIST_CREATE_COST } from '../cost/runtime.ts';
import type { CallExpr, ComprehensionExpr, Expr } from '../syntax/ast.ts';
import {
  ArrayList,
  CelError,
  EntryMap,
  keyOf,
  ListValue,
  MapValue,
  typeNameOf,
  type Value,
} from '../value/value.ts';
import type { Eval, Frame } from './frame.ts';
import { evaluateElements, type Planning } from './planning.ts';

const isBinding = (expr: ComprehensionExpr): boolean =>
  expr.range.kind === 'list' &&
  expr.range.elements.length === 0 &&
  expr.condition.kind === 'literal' &&
  expr.condition.value === false;

/** `cel.bind`: the value is computed at its first use and kept. */
function planBinding(planner: Planning, expr: ComprehensionExpr): Eval {
  const slot = planner.newSlot();
  const range = planner.compile(expr.range);
  planner.lazySlots.set(slot, planner.compile(expr.init));
  const names = new Map([[expr.accumulator, slot]]);
  const result = planner.within(names, () => planner.compile(expr.result));
  return (frame) => {
    range(frame);
    frame.slots[slot] = undefined;
    return result(frame);
  };
}

class GrowingList extends ListValue {
  readonly elements: Value[] = [];

  override get size(): number {
    return this.elements.length;
  }

  override at(index: number): Value {
    return this.elements[index] ?? null;
  }
}

class GrowingMap extends MapValue {
  readonly entries = new Map<string | bigint | boolean, readonly [Value, Value]>();

  override get size(): number {
    return this.entries.size;
  }

  override find(key: Value): Value | undefined {
    const canonical = keyOf(key);
    return canonical === undefined ? undefined : this.entries.get(canonical)?.[1];
  }

  override *keys(): Iterable<Value> {
    for (const [key] of this.entries.values()) yield key;
  }

  /** The error of a key that is there already or cannot be one. */
  insert(key: Value, value: Value): CelError | undefined {
    if (value instanceof CelError) return value;
    const canonical = typeof key === 'number' ? undefined : keyOf(key);
    if (canonical === undefined) return new CelError(`unsupported key type: ${typeNameOf(key)}`);
    if (this.entries.has(canonical)) {
      return new CelError(`insert failed: key ${String(canonical)} already exists`);
    }
    this.entries.set(canonical, [key, value]);
    return undefined;
  }
}

const isName = (expr: Expr | undefined, name: string): boolean =>
  expr?.kind === 'ident' && expr.name === name;

/** `accumulator + [elements]` as adding to the accumulator itself. */
function planAppend(planner: Planning, step: CallExpr, accumulatorSlot: number): Eval | undefined {
  const [, added] = step.args;
  if (added?.kind !== 'list') return undefined;
  const plans = added.elements.map((each) => planner.plan(each));
  const evals = added.elements.map((each) => planner.compile(each));
  const isConstant = planner.options.isOptimized && plans.every(({ kind }) => kind === 'constant');
  const cost = 2 + (isConstant ? 0 : LIST_CREATE_COST);
  const { optionals } = added;
  return (frame) => {
    const list = frame.slots[accumulatorSlot];
    const elements = evaluateElements(evals, optionals, frame);
    frame.charge(cost);
    if (elements instanceof CelError) return elements;
    if (!(list instanceof GrowingList)) return list ?? null;
    for (const element of elements) list.elements.push(element);
    return list;
  };
}

/** `cel.@mapInsert(accumulator, key, value)` and `cel.@mapInsert(accumulator, map)`. */
function planInsert(planner: Planning, step: CallExpr, accumulatorSlot: number): Eval {
  const evals = step.args.slice(1).map((each) => planner.compile(each));
  const [first, second] = evals;
  return (frame) => {
    const map = frame.slots[accumulatorSlot];
    const key = first?.(frame) ?? null;
    const value = second?.(frame);
    frame.charge(2);
    if (!(map instanceof GrowingMap)) return map ?? null;
    if (key instanceof CelError) return key;
    if (second !== undefined) return map.insert(key, value ?? null) ?? map;
    if (!(key instanceof MapValue)) return new CelError('no such overload');
    for (const each of key.keys()) {
      const failed = map.insert(each, key.find(each) ?? null);
      if (failed !== undefined) return failed;
    }
    return map;
  };
}

/** The step of a loop that only ever adds to its accumulator; undefined for any other. */
function planCollecting(
  planner: Planning,
  step: Expr,
  name: string,
  slot: number,
): Eval | undefined {
  if (step.kind !== 'call') return undefined;
  const [first, second, third] = step.args;
  if (step.name === '_+_' && isName(first, name)) return planAppend(planner, step, slot);
  if (step.name === 'cel.@mapInsert' && isName(first, name)) return planInsert(planner, step, slot);
  if (step.name !== '_?_:_' || first === undefined || second === undefined) return undefined;
  const adding = isName(third, name) ? planCollecting(planner, second, name, slot) : undefined;
  if (adding === undefined) return undefined;
  const test = planner.compile(first);
  return (frame) => {
    const outcome = test(frame);
    if (outcome === true) return adding(frame);
    if (outcome === false) return frame.slots[slot] ?? null;
    return outcome instanceof CelError ? outcome : new CelError('no such overload');
  };
}

interface Loop {
  readonly range: Eval;
  readonly first: number;
  readonly second: number | undefined;
  readonly accumulator: number;
  readonly init: Eval;
  readonly condition: Eval | undefined;
  readonly step: Eval;
  readonly result: Eval;
}

const isAlways = (expr: Expr): boolean => expr.kind === 'literal' && expr.value === true;

/** One round; false ends the loop. */
function round(loop: Loop, frame: Frame, first: Value, second: Value | undefined): boolean {
  frame.slots[loop.first] = first;
  if (loop.second !== undefined) frame.slots[loop.second] = second;
  if (loop.condition?.(frame) === false) return false;
  frame.slots[loop.accumulator] = loop.step(frame);
  return true;
}

function rounds(loop: Loop, frame: Frame, range: Value): CelError | undefined {
  const hasTwo = loop.second !== undefined;
  if (range instanceof ListValue) {
    const { size } = range;
    for (let index = 0; index < size; index += 1) {
      const element = range.at(index);
      const goesOn = hasTwo
        ? round(loop, frame, BigInt(index), element)
        : round(loop, frame, element, undefined);
      if (!goesOn) break;
    }
    return undefined;
  }
  if (range instanceof MapValue) {
    for (const key of range.keys()) {
      if (!round(loop, frame, key, hasTwo ? range.find(key) : undefined)) break;
    }
    return undefined;
  }
  if (range instanceof CelError) return range;
  return new CelError(`got '${typeNameOf(range)}', expected iterable type`);
}

/** What was collected becomes a value that nothing adds to. */
function finished(value: Value): Value {
  if (value instanceof GrowingList) return new ArrayList(value.elements);
  return value instanceof GrowingMap ? new EntryMap(value.entries) : value;
}

/** The closure of a loop. */
export function planLoop(planner: Planning, expr: ComprehensionExpr): Eval {
  if (isBinding(expr)) return planBinding(planner, expr);
  const range = planner.compile(expr.range);
  const accumulator = planner.newSlot();
  const first = planner.newSlot();
  const second = expr.variable2 === undefined ? undefined : planner.newSlot();
  const outer = new Map([[expr.accumulator, accumulator]]);
  const variables = new Map([[expr.variable, first]]);
  if (expr.variable2 !== undefined && second !== undefined) variables.set(expr.variable2, second);
  const plain = planner.compile(expr.init);
  return planner.within(outer, () => {
    const inLoop = planner.within(variables, () => {
      const isEmpty =
        (expr.init.kind === 'list' && expr.init.elements.length === 0) ||
        (expr.init.kind === 'map' && expr.init.entries.length === 0);
      const collecting = isEmpty
        ? planCollecting(planner, expr.step, expr.accumulator, accumulator)
        : undefined;
      const condition = isAlways(expr.condition) ? undefined : planner.compile(expr.condition);
      return { collecting, condition, step: collecting ?? planner.compile(expr.step) };
    });
    const isMap = expr.init.kind === 'map';
    const init: Eval =
      inLoop.collecting === undefined
        ? plain
        : (frame) => {
            plain(frame);
            return isMap ? new GrowingMap() : new GrowingList();
          };
    const result = planner.compile(expr.result);
    const { condition, step } = inLoop;
    const loop: Loop = { range, first, second, accumulator, init, condition, step, result };
    return (frame) => {
      const over = loop.range(frame);
      if (over instanceof CelError) return over;
      frame.slots[accumulator] = loop.init(frame);
      return rounds(loop, frame, over) ?? finished(loop.result(frame));
    };
  });
}
