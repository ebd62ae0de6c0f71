/**
 * The math extension: `math.greatest`, rounding, signs, bits.
 *
 * Upstream: cel-go ext/math.go, v0.26. Kubernetes does not enable it; environments of our own may.
 */
import { type FunctionTable, type Overload, overload } from '../check/declarations.ts';
import { BOOL, DOUBLE, DYN, INT, listType, type Type, UINT } from '../check/type.ts';
import type { Expr } from '../syntax/ast.ts';
import { type Macro, type MacroCall, MacroProblem } from '../syntax/macros.ts';
import { int } from '../value/arithmetic.ts';
import { compareNumbers, isNumeric } from '../value/equal.ts';
import {
  CelError,
  elementsOf,
  ListValue,
  noSuchOverload,
  Uint,
  type Value,
} from '../value/value.ts';

/** Whether an argument may be a number, as far as its form tells. */
function mayBeNumber(expr: Expr): boolean {
  if (expr.kind === 'literal') return isNumeric(expr.value);
  return expr.kind !== 'list' && expr.kind !== 'map' && expr.kind !== 'struct';
}

function extreme(name: 'least' | 'greatest'): Macro {
  const call = `math.${name}()`;
  const target = name === 'least' ? 'math.@min' : 'math.@max';
  const expand = ({
    build,
    target: namespace,
    args,
  }: MacroCall): Expr | MacroProblem | undefined => {
    if (namespace?.kind !== 'ident' || namespace.name !== 'math') return undefined;
    const [first] = args;
    if (first === undefined) {
      return new MacroProblem(`${call} requires at least one argument`, namespace.id);
    }
    if (args.length === 1) {
      const isNumbers =
        first.kind === 'list'
          ? first.elements.length > 0 && first.elements.every(mayBeNumber)
          : mayBeNumber(first);
      if (isNumbers) return build.call(target, first);
      return new MacroProblem(`${call} invalid single argument value`, first.id);
    }
    const wrong = args.find((each) => !mayBeNumber(each));
    if (wrong !== undefined) {
      return new MacroProblem(`${call} simple literal arguments must be numeric`, wrong.id);
    }
    return args.length === 2 ? build.call(target, ...args) : build.call(target, build.list(args));
  };
  return { name, argumentCount: 'any', isMember: true, expand };
}

export const MATH_MACROS: readonly Macro[] = [extreme('least'), extreme('greatest')];

const NAMED: readonly (readonly [string, Type])[] = [
  ['double', DOUBLE],
  ['int', INT],
  ['uint', UINT],
];

function pick(values: readonly Value[], sign: number): Value {
  let best: Value | undefined;
  for (const each of values) {
    if (!isNumeric(each)) return noSuchOverload();
    if (best === undefined || !isNumeric(best)) best = each;
    else if (compareNumbers(best, each) === sign) best = each;
  }
  return best ?? new CelError('argument must not be empty');
}

function extremes(name: 'min' | 'max'): readonly Overload[] {
  const sign = name === 'min' ? 1 : -1;
  const id = `math_@${name}`;
  return [
    ...NAMED.map(([kind, type]) => overload(`${id}_${kind}`, [type], type, (value) => value)),
    ...NAMED.flatMap(([left, a]) =>
      NAMED.map(([right, b]) =>
        overload(`${id}_${left}_${right}`, [a, b], left === right ? a : DYN, (...pair) =>
          pick(pair, sign),
        ),
      ),
    ),
    ...NAMED.map(([kind, type]) =>
      overload(`${id}_list_${kind}`, [listType(type)], type, (list) =>
        list instanceof ListValue ? pick([...elementsOf(list)], sign) : noSuchOverload(),
      ),
    ),
  ];
}

const ofDouble = (
  name: string,
  result: Type,
  compute: (value: number) => Value,
): FunctionTable => ({
  [`math.${name}`]: [
    overload(`math_${name}_double`, [DOUBLE], result, (value) => compute(Number(value))),
  ],
});

const roundAway = (value: number): number => Math.sign(value) * Math.round(Math.abs(value));

type OnBits = (left: bigint, right: bigint) => bigint;

const bits = (name: string, compute: OnBits): FunctionTable => ({
  [`math.${name}`]: [
    overload(`math_${name}_int_int`, [INT, INT], INT, (a, b) =>
      typeof a === 'bigint' && typeof b === 'bigint'
        ? BigInt.asIntN(64, compute(a, b))
        : noSuchOverload(),
    ),
    overload(`math_${name}_uint_uint`, [UINT, UINT], UINT, (a, b) =>
      a instanceof Uint && b instanceof Uint
        ? new Uint(BigInt.asUintN(64, compute(a.value, b.value)))
        : noSuchOverload(),
    ),
  ],
});

function shift(name: 'bitShiftLeft' | 'bitShiftRight'): FunctionTable {
  const compute = (value: bigint, by: bigint): bigint => {
    if (by >= 64n) return 0n;
    return name === 'bitShiftLeft' ? value << by : value >> by;
  };
  const negative = (by: bigint): CelError => new CelError(`math.${name}() negative offset: ${by}`);
  return {
    [`math.${name}`]: [
      overload(`math_${name}_int_int`, [INT, INT], INT, (value, by) => {
        if (typeof value !== 'bigint' || typeof by !== 'bigint') return noSuchOverload();
        return by < 0n ? negative(by) : BigInt.asIntN(64, compute(BigInt.asUintN(64, value), by));
      }),
      overload(`math_${name}_uint_int`, [UINT, INT], UINT, (value, by) => {
        if (!(value instanceof Uint) || typeof by !== 'bigint') return noSuchOverload();
        return by < 0n ? negative(by) : new Uint(BigInt.asUintN(64, compute(value.value, by)));
      }),
    ],
  };
}

const sign = (value: bigint): bigint => (value > 0n ? 1n : value < 0n ? -1n : 0n);

const ofAll = (name: string, compute: (value: Value) => Value, result?: Type): FunctionTable => ({
  [`math.${name}`]: NAMED.map(([kind, type]) =>
    overload(`math_${name}_${kind}`, [type], result ?? type, compute),
  ),
});

const absolute = (value: Value): Value => {
  if (typeof value === 'bigint') return int(value < 0n ? -value : value);
  return typeof value === 'number' ? Math.abs(value) : value;
};

const signOf = (value: Value): Value => {
  if (typeof value === 'bigint') return sign(value);
  if (value instanceof Uint) return new Uint(sign(value.value));
  return typeof value === 'number' ? Math.sign(value) + 0 : noSuchOverload();
};

const root = (value: Value): Value =>
  Math.sqrt(Number(value instanceof Uint ? value.value : value));

export const MATH_LIBRARY: FunctionTable = {
  'math.@min': extremes('min'),
  'math.@max': extremes('max'),
  ...ofDouble('ceil', DOUBLE, Math.ceil),
  ...ofDouble('floor', DOUBLE, Math.floor),
  ...ofDouble('round', DOUBLE, roundAway),
  ...ofDouble('trunc', DOUBLE, Math.trunc),
  ...ofDouble('isInf', BOOL, (value) => Math.abs(value) === Infinity),
  ...ofDouble('isNaN', BOOL, Number.isNaN),
  ...ofDouble('isFinite', BOOL, Number.isFinite),
  ...ofAll('abs', absolute),
  ...ofAll('sign', signOf),
  ...ofAll('sqrt', root, DOUBLE),
  ...bits('bitAnd', (a, b) => a & b),
  ...bits('bitOr', (a, b) => a | b),
  ...bits('bitXor', (a, b) => a ^ b),
  'math.bitNot': [
    overload('math_bitNot_int_int', [INT], INT, (value) =>
      typeof value === 'bigint' ? ~value : noSuchOverload(),
    ),
    overload('math_bitNot_uint_uint', [UINT], UINT, (value) =>
      value instanceof Uint ? new Uint(BigInt.asUintN(64, ~value.value)) : noSuchOverload(),
    ),
  ],
  ...shift('bitShiftLeft'),
  ...shift('bitShiftRight'),
};
