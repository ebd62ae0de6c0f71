/**
 * Compiles a checked expression into closures.
 *
 * Upstream: cel-go interpreter/planner.go, interpretable.go and decorators.go, v0.26, whose run-time
 * costs these are: a name costs 1, each field or key read costs 1, and a name that is a branch of a
 * conditional or an index itself costs nothing beside its parts. What is constant is made once.
 */
import type { CheckedTree } from '../check/checker.ts';
import { LIST_CREATE_COST, MAP_CREATE_COST, STRUCT_CREATE_COST } from '../cost/runtime.ts';
import type {
  ComprehensionExpr,
  Expr,
  IdentExpr,
  ListExpr,
  MapExpr,
  SelectExpr,
  StructExpr,
} from '../syntax/ast.ts';
import { ArrayList, CelError, mapOf, Optional, typeNameOf, type Value } from '../value/value.ts';
import type { Eval, Frame } from './frame.ts';
import { planCall } from './plan-call.ts';
import { planLoop } from './plan-loop.ts';
import {
  baseEval,
  evalOf,
  evaluateElements,
  type Plan,
  PlanError,
  type Planning,
  type PlanOptions,
} from './planning.ts';
import { isPresent, read } from './select.ts';

export class Planner implements Planning {
  readonly checked: CheckedTree;
  readonly options: PlanOptions;
  /** Slots of the program's variables by name. */
  readonly variables = new Map<string, number>();
  readonly #locals: Map<string, number>[] = [];
  /** What is computed when its slot is first read. */
  readonly lazySlots = new Map<number, Eval>();
  slotCount = 0;

  constructor(checked: CheckedTree, options: PlanOptions) {
    this.checked = checked;
    this.options = options;
  }

  /** The closure of an expression, with its full cost. */
  compile(expr: Expr): Eval {
    return evalOf(this.plan(expr));
  }

  /** A slot of its own. */
  newSlot(): number {
    this.slotCount += 1;
    return this.slotCount - 1;
  }

  /** Runs `plan` while names have slots of their own. */
  within<T>(names: ReadonlyMap<string, number>, plan: () => T): T {
    this.#locals.push(new Map(names));
    const result = plan();
    this.#locals.pop();
    return result;
  }

  localSlot(name: string): number | undefined {
    for (let index = this.#locals.length - 1; index >= 0; index -= 1) {
      const slot = this.#locals[index]?.get(name);
      if (slot !== undefined) return slot;
    }
    return undefined;
  }

  plan(expr: Expr): Plan {
    switch (expr.kind) {
      case 'literal':
        return { kind: 'constant', value: expr.value };
      case 'ident':
        return this.#ident(expr);
      case 'select':
        return this.#select(expr);
      case 'call':
        return planCall(this, expr);
      case 'list':
        return this.#list(expr);
      case 'map':
        return this.#map(expr);
      case 'struct':
        return this.#struct(expr);
      case 'comprehension':
        return this.#comprehension(expr);
    }
  }

  #comprehension(expr: ComprehensionExpr): Plan {
    return { kind: 'other', evaluate: planLoop(this, expr) };
  }

  #ident(expr: IdentExpr | SelectExpr): Plan {
    const reference = this.checked.idents.get(expr.id);
    const name = reference?.name ?? (expr.kind === 'ident' ? expr.name : expr.field);
    if (reference?.value !== undefined) return { kind: 'constant', value: reference.value };
    if (reference === undefined) {
      const error = new CelError(`no such attribute(s): ${name}`);
      return { kind: 'other', evaluate: () => error };
    }
    const slot = this.localSlot(name) ?? this.#variableSlot(name);
    const init = this.lazySlots.get(slot);
    if (init !== undefined) {
      return { kind: 'attribute', make: (isFree) => lazyEval(slot, init, isFree ? 0 : 1) };
    }
    return { kind: 'attribute', make: (isFree) => nameEval(slot, name, isFree ? 0 : 1) };
  }

  #variableSlot(name: string): number {
    const known = this.variables.get(name);
    if (known !== undefined) return known;
    const slot = this.newSlot();
    this.variables.set(name, slot);
    return slot;
  }

  #select(expr: SelectExpr): Plan {
    if (this.checked.idents.has(expr.id)) return this.#ident(expr);
    const operand = this.plan(expr.operand);
    const { field, isTest } = expr;
    const isStrict = this.options.isPresenceStrict;
    if (isTest) {
      const inner = baseEval(operand, true);
      return {
        kind: 'attribute',
        make: () => charged((value) => isPresent(value, field, isStrict), inner),
      };
    }
    return {
      kind: 'attribute',
      make: (isFree) => charged((value) => read(value, field, isStrict), baseEval(operand, isFree)),
    };
  }

  #list(expr: ListExpr): Plan {
    const plans = expr.elements.map((each) => this.plan(each));
    const constants = plans.map((each) => (each.kind === 'constant' ? each.value : undefined));
    if (
      this.options.isOptimized &&
      expr.optionals.size === 0 &&
      constants.every((each) => each !== undefined)
    ) {
      return { kind: 'constant', value: new ArrayList(constants) };
    }
    const evals = plans.map(evalOf);
    const { optionals } = expr;
    const evaluate = (frame: Frame): Value => {
      const elements = evaluateElements(evals, optionals, frame);
      frame.charge(LIST_CREATE_COST);
      return elements instanceof CelError ? elements : new ArrayList(elements);
    };
    return { kind: 'other', evaluate };
  }

  #map(expr: MapExpr): Plan {
    const plans = expr.entries.map(({ key, value, isOptional }) => {
      return { key: this.plan(key), value: this.plan(value), isOptional };
    });
    const entries = plans.map(({ key, value, isOptional }) => {
      return { key: evalOf(key), value: evalOf(value), isOptional };
    });
    const isConstant = plans.every(
      ({ key, value, isOptional }) =>
        !isOptional && key.kind === 'constant' && value.kind === 'constant',
    );
    if (this.options.isOptimized && isConstant) {
      const pairs = plans.map(({ key, value }): readonly [Value, Value] => [
        constantOf(key),
        constantOf(value),
      ]);
      const value = mapOf(pairs);
      if (!(value instanceof CelError)) return { kind: 'constant', value };
    }
    const evaluate = (frame: Frame): Value => {
      const pairs = evaluateEntries(entries, frame);
      frame.charge(MAP_CREATE_COST);
      return pairs instanceof CelError ? pairs : mapOf(pairs);
    };
    return { kind: 'other', evaluate };
  }

  #struct(expr: StructExpr): Plan {
    const name = this.checked.idents.get(expr.id)?.name ?? expr.typeName;
    const { create } = this.options.provider;
    if (create === undefined) throw new PlanError(`unknown type: ${name}`);
    const fields = expr.fields.map((field) => ({ ...field, evaluate: this.compile(field.value) }));
    const evaluate = (frame: Frame): Value => {
      const values = new Map<string, Value>();
      let failed: CelError | undefined;
      for (const field of fields) {
        let value: Value | undefined = field.evaluate(frame);
        if (value instanceof CelError) failed ??= value;
        if (field.isOptional && value instanceof Optional) value = value.value;
        if (value !== undefined) values.set(field.name, value);
      }
      frame.charge(STRUCT_CREATE_COST);
      return failed ?? create(name, values);
    };
    return { kind: 'other', evaluate };
  }
}

const constantOf = (plan: Plan): Value => (plan.kind === 'constant' ? plan.value : null);

/** One reading of a part: the cost of 1 beside that of what it is read from. */
function charged(readPart: (value: Value) => Value, base: Eval): Eval {
  return (frame) => {
    const part = readPart(base(frame));
    // What an absent optional would hold is not looked for.
    if (part !== Optional.NONE) frame.charge(1);
    return part;
  };
}

function nameEval(slot: number, name: string, cost: number): Eval {
  return (frame) => {
    frame.charge(cost);
    return frame.slots[slot] ?? missing(frame, slot, name);
  };
}

function lazyEval(slot: number, init: Eval, cost: number): Eval {
  return (frame) => {
    frame.charge(cost);
    const known = frame.slots[slot];
    if (known !== undefined) return known;
    const value = init(frame);
    frame.slots[slot] = value;
    return value;
  };
}

/** A variable that has no value: null is one, undefined is none. */
function missing(frame: Frame, slot: number, name: string): Value {
  return frame.slots[slot] === null ? null : new CelError(`no such attribute(s): ${name}`);
}

interface EntryEvals {
  readonly key: Eval;
  readonly value: Eval;
  readonly isOptional: boolean;
}

function evaluateEntries(
  entries: readonly EntryEvals[],
  frame: Frame,
): (readonly [Value, Value])[] | CelError {
  const pairs: (readonly [Value, Value])[] = [];
  let failed: CelError | undefined;
  for (const entry of entries) {
    const key = entry.key(frame);
    const value = entry.value(frame);
    if (key instanceof CelError) failed ??= key;
    if (value instanceof CelError) failed ??= value;
    if (!entry.isOptional) {
      pairs.push([key, value]);
    } else if (!(value instanceof Optional)) {
      failed ??= new CelError(
        `cannot initialize optional entry '${typeNameOf(key)}' from non-optional value ${typeNameOf(value)}`,
      );
    } else if (value.value !== undefined) {
      pairs.push([key, value.value]);
    }
  }
  return failed ?? pairs;
}
