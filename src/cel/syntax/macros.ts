/**
 * Macros: calls that the parser turns into other expressions.
 *
 * Upstream: cel-go parser/macro.go (the standard ones), ext/comprehensions.go (two variables),
 * ext/bindings.go, ext/lists.go (`sortBy`) and cel/library.go (`optMap`, `optFlatMap`), v0.26.
 */
import { ACCUMULATOR, type Expr, FORMER_ACCUMULATOR } from './ast.ts';
import type { TreeBuilder } from './tree-builder.ts';

/** Why a macro cannot be applied, and the argument that is to blame. */
export class MacroProblem {
  readonly message: string;
  readonly id: number;

  constructor(message: string, id: number) {
    this.message = message;
    this.id = id;
  }
}

export interface MacroCall {
  readonly build: TreeBuilder;
  readonly target: Expr | undefined;
  readonly args: readonly Expr[];
}

export interface Macro {
  readonly name: string;
  /** How many arguments it takes; `any` for as many as there are. */
  readonly argumentCount: number | 'any';
  readonly isMember: boolean;
  /** The expansion, or undefined when the call is an ordinary one after all. */
  readonly expand: (call: MacroCall) => Expr | MacroProblem | undefined;
}

const OVERWRITES = 'iteration variable overwrites accumulator variable';
const isAccumulator = (name: string): boolean =>
  name === ACCUMULATOR || name === FORMER_ACCUMULATOR;

/** The argument that the parser has counted already. */
function argument(call: MacroCall, index: number): Expr {
  const expr = call.args[index];
  if (expr === undefined) throw new RangeError(`a macro was called without argument ${index}`);
  return expr;
}

function targetOf(call: MacroCall): Expr {
  if (call.target === undefined) throw new RangeError('a member macro was called without a target');
  return call.target;
}

function variableOf(expr: Expr, otherwise: string): string | MacroProblem {
  if (expr.kind !== 'ident') return new MacroProblem(otherwise, expr.id);
  return isAccumulator(expr.name) ? new MacroProblem(OVERWRITES, expr.id) : expr.name;
}

interface Variables {
  readonly variable: string;
  readonly variable2?: string;
}

function oneVariable(call: MacroCall, otherwise: string): Variables | MacroProblem {
  const variable = variableOf(argument(call, 0), otherwise);
  return variable instanceof MacroProblem ? variable : { variable };
}

function twoVariables(call: MacroCall): Variables | MacroProblem {
  const [first, second] = [argument(call, 0), argument(call, 1)];
  for (const each of [first, second]) {
    if (each.kind !== 'ident') return new MacroProblem('argument must be a simple name', each.id);
  }
  const variable = first.kind === 'ident' ? first.name : '';
  const variable2 = second.kind === 'ident' ? second.name : '';
  if (variable === variable2) {
    return new MacroProblem(`duplicate variable name: ${variable}`, second.id);
  }
  if (isAccumulator(variable)) return new MacroProblem(OVERWRITES, first.id);
  if (isAccumulator(variable2)) return new MacroProblem(OVERWRITES, second.id);
  return { variable, variable2 };
}

type Quantifier = 'all' | 'exists' | 'existsOne';

function quantifier(kind: Quantifier, call: MacroCall, variables: Variables): Expr {
  const { build } = call;
  const range = targetOf(call);
  const test = argument(call, call.args.length - 1);
  const loop = { range, ...variables };
  if (kind === 'existsOne') {
    const init = build.literal(0n);
    const condition = build.literal(true);
    const more = build.call('_+_', build.accumulator(), build.literal(1n));
    const step = build.call('_?_:_', test, more, build.accumulator());
    const result = build.call('_==_', build.accumulator(), build.literal(1n));
    return build.loop({ ...loop, init, condition, step, result });
  }
  const isAll = kind === 'all';
  const init = build.literal(isAll);
  const seen = isAll ? build.accumulator() : build.call('!_', build.accumulator());
  const condition = build.call('@not_strictly_false', seen);
  const step = build.call(isAll ? '_&&_' : '_||_', build.accumulator(), test);
  return build.loop({ ...loop, init, condition, step, result: build.accumulator() });
}

/** A loop that collects into a list or a map, of all elements or of those that pass a test. */
function collector(
  call: MacroCall,
  variables: Variables,
  parts: {
    readonly init: Expr;
    readonly add: (accumulator: Expr) => Expr;
    readonly test: Expr | undefined;
  },
): Expr {
  const { build } = call;
  const condition = build.literal(true);
  let step = parts.add(build.accumulator());
  if (parts.test !== undefined) {
    step = build.call('_?_:_', parts.test, step, build.accumulator());
  }
  const result = build.accumulator();
  return build.loop({
    range: targetOf(call),
    ...variables,
    init: parts.init,
    condition,
    step,
    result,
  });
}

function mapOrFilter(call: MacroCall, kind: 'map' | 'filter'): Expr | MacroProblem {
  const variables = oneVariable(call, 'argument is not an identifier');
  if (variables instanceof MacroProblem) return variables;
  const { build } = call;
  const hasTest = kind === 'filter' || call.args.length === 3;
  const element = kind === 'filter' ? argument(call, 0) : argument(call, call.args.length - 1);
  return collector(call, variables, {
    init: build.list(),
    add: (accumulator) => build.call('_+_', accumulator, build.list([element])),
    test: hasTest ? argument(call, 1) : undefined,
  });
}

const quantifiers = (kind: Quantifier, name: string): readonly Macro[] => [
  {
    name,
    argumentCount: 2,
    isMember: true,
    expand: (call) => {
      const variables = oneVariable(call, 'argument must be a simple name');
      return variables instanceof MacroProblem ? variables : quantifier(kind, call, variables);
    },
  },
];

const HAS: Macro = {
  name: 'has',
  argumentCount: 1,
  isMember: false,
  expand: (call) => {
    const tested = argument(call, 0);
    if (tested.kind === 'select') return call.build.presenceTest(tested.operand, tested.field);
    return new MacroProblem('invalid argument to has() macro', tested.id);
  },
};

const mapMacro = (argumentCount: number): Macro => ({
  name: 'map',
  argumentCount,
  isMember: true,
  expand: (call) => mapOrFilter(call, 'map'),
});

/** has, all, exists, exists_one, existsOne, map, filter. */
export const STANDARD_MACROS: readonly Macro[] = [
  HAS,
  ...quantifiers('all', 'all'),
  ...quantifiers('exists', 'exists'),
  ...quantifiers('existsOne', 'exists_one'),
  ...quantifiers('existsOne', 'existsOne'),
  mapMacro(2),
  mapMacro(3),
  {
    name: 'filter',
    argumentCount: 2,
    isMember: true,
    expand: (call) => mapOrFilter(call, 'filter'),
  },
];

const quantifierOfTwo = (kind: Quantifier, name: string): Macro => ({
  name,
  argumentCount: 3,
  isMember: true,
  expand: (call) => {
    const variables = twoVariables(call);
    return variables instanceof MacroProblem ? variables : quantifier(kind, call, variables);
  },
});

type Transform = 'transformList' | 'transformMap' | 'transformMapEntry';

function transform(kind: Transform, call: MacroCall): Expr | MacroProblem {
  const variables = twoVariables(call);
  if (variables instanceof MacroProblem) return variables;
  const { build } = call;
  const element = argument(call, call.args.length - 1);
  const add = (accumulator: Expr): Expr => {
    if (kind === 'transformList') return build.call('_+_', accumulator, build.list([element]));
    if (kind === 'transformMapEntry') return build.call('cel.@mapInsert', accumulator, element);
    return build.call('cel.@mapInsert', accumulator, build.ident(variables.variable), element);
  };
  const init = kind === 'transformList' ? build.list() : build.map();
  const test = call.args.length === 4 ? argument(call, 2) : undefined;
  return collector(call, variables, { init, add, test });
}

const transforms = (name: Transform): readonly Macro[] =>
  [3, 4].map((argumentCount) => ({
    name,
    argumentCount,
    isMember: true,
    expand: (call) => transform(name, call),
  }));

/** The macros whose loops have an index or key and a value. */
export const TWO_VARIABLE_MACROS: readonly Macro[] = [
  quantifierOfTwo('all', 'all'),
  quantifierOfTwo('exists', 'exists'),
  quantifierOfTwo('existsOne', 'existsOne'),
  quantifierOfTwo('existsOne', 'exists_one'),
  ...transforms('transformList'),
  ...transforms('transformMap'),
  ...transforms('transformMapEntry'),
];

function optionalMap(call: MacroCall, isFlat: boolean): Expr | MacroProblem {
  const name = isFlat ? 'optFlatMap' : 'optMap';
  const variable = argument(call, 0);
  if (variable.kind !== 'ident') {
    return new MacroProblem(`${name}() variable name must be a simple identifier`, variable.id);
  }
  const { build } = call;
  const target = targetOf(call);
  const value = build.memberCall('value', build.copy(target));
  const bound = build.binding(variable.name, value, argument(call, 1));
  return build.call(
    '_?_:_',
    build.memberCall('hasValue', target),
    isFlat ? bound : build.call('optional.of', bound),
    build.call('optional.none'),
  );
}

/** What optional values add: optMap and optFlatMap. */
export const OPTIONAL_MACROS: readonly Macro[] = [
  { name: 'optMap', argumentCount: 2, isMember: true, expand: (call) => optionalMap(call, false) },
  {
    name: 'optFlatMap',
    argumentCount: 2,
    isMember: true,
    expand: (call) => optionalMap(call, true),
  },
];

/** `cel.bind(name, value, result)`. */
export const BIND_MACRO: Macro = {
  name: 'bind',
  argumentCount: 3,
  isMember: true,
  expand: (call) => {
    const target = targetOf(call);
    if (target.kind !== 'ident' || target.name !== 'cel') return undefined;
    const variable = argument(call, 0);
    if (variable.kind !== 'ident') {
      return new MacroProblem('cel.bind() variable names must be simple identifiers', variable.id);
    }
    return call.build.binding(variable.name, argument(call, 1), argument(call, 2));
  },
};

const SORTABLE = new Set<Expr['kind']>(['list', 'select', 'ident', 'comprehension', 'call']);
const SORT_INPUT = '@__sortBy_input__';

/** `list.sortBy(element, key)`. */
export const SORT_BY_MACRO: Macro = {
  name: 'sortBy',
  argumentCount: 2,
  isMember: true,
  expand: (call) => {
    const { build } = call;
    const target = targetOf(call);
    if (!SORTABLE.has(target.kind)) {
      return new MacroProblem(
        'sortBy can only be applied to a list, identifier, comprehension, call or select expression',
        target.id,
      );
    }
    const keys = mapOrFilter({ ...call, target: build.ident(SORT_INPUT) }, 'map');
    if (keys instanceof MacroProblem) return keys;
    const sorted = build.memberCall('@sortByAssociatedKeys', build.ident(SORT_INPUT), keys);
    return build.binding(SORT_INPUT, target, sorted);
  },
};

/** Macros by name, number of arguments and style. */
export class MacroTable {
  readonly #macros: ReadonlyMap<string, Macro>;

  constructor(macros: readonly Macro[]) {
    this.#macros = new Map(
      macros.map((each) => [`${each.name}:${each.argumentCount}:${each.isMember}`, each]),
    );
  }

  find(name: string, argumentCount: number, isMember: boolean): Macro | undefined {
    return (
      this.#macros.get(`${name}:${argumentCount}:${isMember}`) ??
      this.#macros.get(`${name}:any:${isMember}`)
    );
  }
}
