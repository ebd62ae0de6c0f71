/**
 * Compiles calls: operators, functions, methods.
 *
 * Upstream: cel-go interpreter/planner.go (planCall), interpretable.go (evalAnd, evalOr, evalBinary),
 * decorators.go (what is made once) and cel/library.go (`or` and `orValue` of optionals), v0.26.
 */
import type { CallReference } from '../check/checker.ts';
import type { Overload } from '../check/declarations.ts';
import { DYN } from '../check/type.ts';
import { RegexProblem } from '../regex/parse.ts';
import { regexOf } from '../regex/regex.ts';
import type { CallExpr, Expr } from '../syntax/ast.ts';
import { add, divide, modulo, multiply, negate, subtract } from '../value/arithmetic.ts';
import { compare, equal, isInList } from '../value/equal.ts';
import {
  ArrayList,
  CelError,
  elementsOf,
  keyOf,
  ListValue,
  MapValue,
  noSuchOverload,
  Optional,
  typeNameOf,
  type Value,
} from '../value/value.ts';
import { type Eval, Frame } from './frame.ts';
import { isOfType, isOpen } from './guard.ts';
import { baseEval, evalOf, type Plan, PlanError, type Planning } from './planning.ts';
import { read, readOptional } from './select.ts';

type Binary = (a: Value, b: Value) => Value;

function ordered(isRight: (order: number) => boolean): Binary {
  return (a, b) => {
    if (typeof a === 'bigint' && typeof b === 'bigint') {
      return isRight(a < b ? -1 : a > b ? 1 : 0);
    }
    const order = compare(a, b);
    if (order instanceof CelError) return order;
    return order !== undefined && isRight(order);
  };
}

const inAggregate: Binary = (a, b) => {
  if (a instanceof CelError) return a;
  if (b instanceof CelError) return b;
  if (b instanceof ListValue) return isInList(a, b);
  return b instanceof MapValue ? b.holds(a) : noSuchOverload();
};

const not = (value: Value): Value => {
  if (typeof value === 'boolean') return !value;
  return value instanceof CelError ? value : noSuchOverload();
};

const BINARY: Readonly<Record<string, Binary>> = {
  '_+_': add,
  '_-_': subtract,
  '_*_': multiply,
  '_/_': divide,
  '_%_': modulo,
  '_==_': equal,
  '_!=_': (a, b) => not(equal(a, b)),
  '_<_': ordered((order) => order < 0),
  '_<=_': ordered((order) => order <= 0),
  '_>_': ordered((order) => order > 0),
  '_>=_': ordered((order) => order >= 0),
  '@in': inAggregate,
};

const UNARY: Readonly<Record<string, (value: Value) => Value>> = {
  '!_': not,
  '-_': negate,
  '@not_strictly_false': (value) => (typeof value === 'boolean' ? value : true),
};

/** `&&` (or `||`): one false (or true) decides, whatever else is an error. */
function logical(decisive: boolean, left: Eval, right: Eval): Eval {
  return (frame) => {
    const first = left(frame);
    if (first === decisive) return decisive;
    const second = right(frame);
    if (second === decisive) return decisive;
    if (first === !decisive && second === !decisive) return !decisive;
    if (first instanceof CelError) return first;
    if (second instanceof CelError) return second;
    return noSuchOverload();
  };
}

function conditional(test: Eval, isTrue: Eval, isFalse: Eval): Eval {
  return (frame) => {
    const outcome = test(frame);
    if (outcome === true) return isTrue(frame);
    if (outcome === false) return isFalse(frame);
    return outcome instanceof CelError ? outcome : noSuchOverload();
  };
}

/** A branch that is a name costs nothing beside its parts. */
const branch = (plan: Plan): Eval => (plan.kind === 'attribute' ? plan.make(true) : evalOf(plan));

function planConditional(planner: Planning, args: readonly Expr[]): Plan {
  const [test, isTrue, isFalse] = args.map((each) => planner.plan(each));
  if (test === undefined || isTrue === undefined || isFalse === undefined) {
    throw new PlanError('no such overload: _?_:_');
  }
  const evaluate = conditional(evalOf(test), branch(isTrue), branch(isFalse));
  return { kind: 'attribute', make: () => evaluate };
}

function planIndex(planner: Planning, args: readonly Expr[], isOptional: boolean): Plan {
  const [operand, index] = args.map((each) => planner.plan(each));
  if (operand === undefined || index === undefined) throw new PlanError('no such overload: _[_]');
  const readPart = isOptional ? readOptional : read;
  const key = branch(index);
  const isStrict = planner.options.isPresenceStrict;
  return {
    kind: 'attribute',
    make: (isFree) => {
      const base = baseEval(operand, isFree);
      return (frame) => {
        const value = base(frame);
        const part = readPart(value, key(frame), isStrict);
        if (part !== Optional.NONE) frame.charge(1);
        return part;
      };
    },
  };
}

/** `or` and `orValue`: the right side is computed only if the left side has no value. */
function planOr(left: Eval, right: Eval, isValue: boolean): Eval {
  return (frame) => {
    const first = left(frame);
    if (first instanceof CelError) return first;
    if (!(first instanceof Optional)) return noSuchOverload();
    if (first.value !== undefined) return isValue ? first.value : first;
    return right(frame);
  };
}

/** `x in [constants]` asks a set, and costs nothing beside `x`. */
function planMembership(element: Plan, list: Plan): Eval | undefined {
  if (list.kind !== 'constant' || !(list.value instanceof ArrayList) || list.value.size === 0) {
    return undefined;
  }
  const keys = new Set<string | bigint | boolean>();
  for (const each of elementsOf(list.value)) {
    const key = typeof each === 'number' ? undefined : keyOf(each);
    if (key === undefined) return undefined;
    keys.add(key);
  }
  const evaluate = evalOf(element);
  return (frame) => {
    const value = evaluate(frame);
    if (value instanceof CelError) return value;
    const key = keyOf(value);
    return key !== undefined && keys.has(key);
  };
}

/** The one overload that a call means, or empty when only its values tell. */
const overloadId = (reference: CallReference | undefined): string =>
  reference?.overloads.length === 1 ? (reference.overloads[0]?.id ?? '') : '';

function binaryEval(
  planner: Planning,
  name: string,
  id: string,
  operands: readonly [Eval, Eval],
): Eval {
  const [left, right] = operands;
  const operator = BINARY[name] ?? noSuchOverload;
  const equality: Readonly<Record<string, string>> = { '_==_': 'equals', '_!=_': 'not_equals' };
  const cost = planner.options.costOf(name, equality[name] ?? id);
  if (cost === undefined) {
    return (frame) => {
      const a = left(frame);
      const b = right(frame);
      frame.charge(1);
      return operator(a, b);
    };
  }
  return (frame) => {
    const a = left(frame);
    const b = right(frame);
    const result = operator(a, b);
    frame.charge(cost([a, b], result));
    return result;
  };
}

function unaryEval(operator: (value: Value) => Value, operand: Eval): Eval {
  return (frame) => {
    const value = operand(frame);
    frame.charge(1);
    return operator(value);
  };
}

const fits = (candidate: Overload, values: readonly Value[]): boolean =>
  candidate.args.length === values.length &&
  (candidate.isUnguarded === true ||
    candidate.args.every((type, index) => isOfType(type, values[index] ?? null)));

function failedCall(name: string, values: readonly Value[]): CelError {
  return new CelError(`no such overload: ${name}(${values.map(typeNameOf).join(', ')})`);
}

function functionEval(planner: Planning, expr: CallExpr, reference: CallReference): Eval {
  const { name, overloads, isNamespaced } = reference;
  const given = expr.target === undefined || isNamespaced ? expr.args : [expr.target, ...expr.args];
  const evals = given.map((each) => planner.compile(each));
  const types = given.map((each) => planner.checked.types.get(each.id) ?? DYN);
  const [only] = overloads.length === 1 && !types.some(isOpen) ? overloads : [];
  const cost = planner.options.costOf(name, overloadId(reference));
  const call = (values: readonly Value[]): Value => {
    for (const value of values) if (value instanceof CelError) return value;
    const chosen = only ?? overloads.find((each) => fits(each, values));
    return chosen === undefined ? failedCall(name, values) : chosen.call(...values);
  };
  const [first, second] = evals;
  if (only !== undefined && cost === undefined && first !== undefined && evals.length === 1) {
    return (frame) => {
      const value = first(frame);
      frame.charge(1);
      return value instanceof CelError ? value : only.call(value);
    };
  }
  if (only !== undefined && first !== undefined && second !== undefined && evals.length === 2) {
    return (frame) => {
      const a = first(frame);
      const b = second(frame);
      const result = a instanceof CelError ? a : b instanceof CelError ? b : only.call(a, b);
      frame.charge(cost === undefined ? 1 : cost([a, b], result));
      return result;
    };
  }
  return (frame) => {
    const values = evals.map((each) => each(frame));
    const result = call(values);
    frame.charge(cost === undefined ? 1 : cost(values, result));
    return result;
  };
}

const CONVERSIONS = new Set([
  'bool',
  'bytes',
  'double',
  'duration',
  'dyn',
  'int',
  'string',
  'timestamp',
  'type',
  'uint',
]);

/** A conversion of a constant is made once; one that fails makes the whole expression fail. */
function planConversion(planner: Planning, expr: CallExpr, reference: CallReference): Plan {
  const evaluate = functionEval(planner, expr, reference);
  const [arg] = expr.args;
  const isConstant = arg !== undefined && planner.plan(arg).kind === 'constant';
  if (!planner.options.isOptimized || !isConstant) return { kind: 'other', evaluate };
  const value = evaluate(new Frame([], Number.POSITIVE_INFINITY));
  if (value instanceof CelError) throw new PlanError(value.message);
  return { kind: 'constant', value };
}

/** Functions whose argument behind the text is a regular expression. */
const REGEX_FUNCTIONS = new Set(['matches', 'find', 'findAll']);

/** A constant regular expression that is none makes the whole expression fail. */
function checkRegex(planner: Planning, expr: CallExpr, name: string): void {
  if (!planner.options.isOptimized || !REGEX_FUNCTIONS.has(name)) return;
  const pattern = expr.args[expr.target === undefined ? 1 : 0];
  if (pattern?.kind !== 'literal' || typeof pattern.value !== 'string') return;
  const regex = regexOf(pattern.value);
  if (regex instanceof RegexProblem) throw new PlanError(regex.message);
}

function unknownCall(planner: Planning, expr: CallExpr): Plan {
  const error = new CelError(`no such overload: ${expr.name}`);
  const parts = [...(expr.target === undefined ? [] : [expr.target]), ...expr.args];
  for (const part of parts) planner.compile(part);
  return { kind: 'other', evaluate: () => error };
}

function planOperator(planner: Planning, name: string, args: readonly Expr[]): Plan | undefined {
  const [first, second] = args;
  if (first === undefined) return undefined;
  const unary = UNARY[name];
  if (unary !== undefined) {
    return { kind: 'other', evaluate: unaryEval(unary, planner.compile(first)) };
  }
  if (second === undefined) return undefined;
  if (name === '_&&_' || name === '_||_') {
    const evaluate = logical(name === '_||_', planner.compile(first), planner.compile(second));
    return { kind: 'other', evaluate };
  }
  return undefined;
}

/** The plan of a call. */
export function planCall(planner: Planning, expr: CallExpr): Plan {
  const { name, args } = expr;
  const operator = planOperator(planner, name, args);
  if (operator !== undefined) return operator;
  if (name === '_?_:_') return planConditional(planner, args);
  if (name === '_[_]') return planIndex(planner, args, false);
  if (name === '_?._' || name === '_[?_]') return planIndex(planner, args, true);
  const reference = planner.checked.calls.get(expr.id);
  const [first, second] = args;
  if (BINARY[name] !== undefined && first !== undefined && second !== undefined) {
    const id = overloadId(reference);
    if (id === 'in_list' && planner.options.isOptimized) {
      const evaluate = planMembership(planner.plan(first), planner.plan(second));
      if (evaluate !== undefined) return { kind: 'other', evaluate };
    }
    const operands = [planner.compile(first), planner.compile(second)] as const;
    return { kind: 'other', evaluate: binaryEval(planner, name, id, operands) };
  }
  if (reference === undefined) return unknownCall(planner, expr);
  checkRegex(planner, expr, reference.name);
  if ((name === 'or' || name === 'orValue') && expr.target !== undefined && first !== undefined) {
    const evaluate = planOr(
      planner.compile(expr.target),
      planner.compile(first),
      name === 'orValue',
    );
    return { kind: 'other', evaluate };
  }
  if (CONVERSIONS.has(reference.name) && !reference.isNamespaced && expr.target === undefined) {
    return planConversion(planner, expr, reference);
  }
  return { kind: 'other', evaluate: functionEval(planner, expr, reference) };
}
