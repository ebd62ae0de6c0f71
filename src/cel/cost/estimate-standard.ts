/**
 * What calls of the standard library and of CEL's extensions cost, beside their arguments.
 *
 * Upstream: cel-go checker/cost.go (functionCost), ext/sets.go and ext/lists.go (their estimates),
 * v0.26.
 */
import { type Bounds, byFactor, exactly, ONE, plus, times, UNBOUNDED, UNKNOWN } from './bounds.ts';
import type {
  CallEstimate,
  CallEstimator,
  CostNode,
  EstimatedCall,
  SizeEstimator,
} from './node.ts';
import { sizeOrUnknown } from './node.ts';
import { LIST_CREATE_COST, REGEX_FACTOR, STRING_FACTOR } from './runtime.ts';

const computed = (node: CostNode | undefined): Bounds => node?.computedSize ?? UNKNOWN;

const read = (size: Bounds): Bounds => byFactor(size, STRING_FACTOR);

function comparison({ args }: EstimatedCall): CallEstimate {
  const [left, right] = [computed(args[0]), computed(args[1])];
  const max = Math.min(left.max, right.max);
  return { cost: read({ min: max > 0 ? 1 : 0, max }) };
}

function addition({ args }: EstimatedCall): CallEstimate {
  const resultSize = plus(computed(args[0]), computed(args[1]));
  return { cost: read(resultSize), resultSize };
}

type Estimate = (call: EstimatedCall) => CallEstimate;

const ESTIMATES: Readonly<Record<string, Estimate>> = {
  string_format: ({ target }) => ({ cost: read(computed(target)) }),
  string_to_bytes: ({ args }) => {
    const size = computed(args[0]);
    return {
      cost: read(size),
      resultSize: { min: size.min, max: Math.min(size.max * 4, UNBOUNDED) },
    };
  },
  bytes_to_string: ({ args }) => {
    const size = computed(args[0]);
    return { cost: read(size), resultSize: { min: Math.floor(size.min / 4), max: size.max } };
  },
  strings_quote: ({ args }) => {
    const size = computed(args[0]);
    const max = Math.min(size.max * 2 + 2, UNBOUNDED);
    return { cost: read(size), resultSize: { min: size.min + 2, max } };
  },
  starts_with_string: ({ args }) => ({ cost: read(computed(args[0])) }),
  ends_with_string: ({ args }) => ({ cost: read(computed(args[0])) }),
  in_list: ({ args }) => ({ cost: computed(args[1]) }),
  matches_string: ({ target, args }) => {
    const text = read(plus(computed(target), ONE));
    return { cost: times(text, byFactor(computed(args[0]), REGEX_FACTOR)) };
  },
  contains_string: ({ target, args }) => ({
    cost: times(read(computed(target)), read(computed(args[0]))),
  }),
  add_string: addition,
  add_bytes: addition,
  add_list: (call) => ({ ...addition(call), cost: ONE }),
  equals: comparison,
  not_equals: comparison,
};

const COMPARED = /^(less|less_equals|greater|greater_equals)_(string|bytes)$/;

/** What the standard library says; everything else costs 1. */
export function standardEstimate(call: EstimatedCall): CallEstimate {
  const estimate = COMPARED.test(call.overloadId) ? comparison : ESTIMATES[call.overloadId];
  return estimate?.(call) ?? { cost: ONE };
}

const listCall = (factor: number, size: Bounds): CallEstimate => ({
  cost: plus(byFactor(size, factor), exactly(1 + LIST_CREATE_COST)),
  resultSize: size,
});

/** A literal int of an argument, not below 0. */
function literalInt(node: CostNode | undefined, otherwise: number): number {
  const { expr } = node ?? {};
  if (expr?.kind !== 'literal' || typeof expr.value !== 'bigint') return otherwise;
  return Math.max(Number(expr.value), 0);
}

/** Sorting and telling apart compare everything with everything. */
function selfCompare(size: Bounds, isText: boolean): CallEstimate {
  return listCall(isText ? 2 + STRING_FACTOR : 2, times(size, size));
}

/** What the extensions for sets and lists say; undefined for other calls. */
export const extensionEstimate: CallEstimator = (call: EstimatedCall, sizeOf: SizeEstimator) => {
  const { overloadId: id, target, args } = call;
  const size = (node: CostNode | undefined): Bounds =>
    node === undefined ? UNKNOWN : sizeOrUnknown(node, sizeOf, UNKNOWN);
  const sets = /^list_sets_(contains|intersects|equivalent)_list$/.exec(id);
  if (sets !== null) {
    const product = times(size(args[0]), size(args[1]));
    return { cost: plus(byFactor(product, sets[1] === 'equivalent' ? 2 : 1), ONE) };
  }
  const sorted = /^list_(.+)_sort(ByAssociatedKeys)?$/.exec(id);
  if (sorted !== null) {
    const isText = sorted[1] === 'string' || sorted[1] === 'bytes';
    return selfCompare(size(sorted[2] === undefined ? target : args[0]), isText);
  }
  switch (id) {
    case 'list_slice': {
      const end = literalInt(args[1], size(target).max);
      return listCall(1, exactly(Math.max(end - literalInt(args[0], 0), 0)));
    }
    case 'lists_range':
      return listCall(1, exactly(literalInt(args[0], UNBOUNDED)));
    case 'list_reverse':
      return listCall(1, size(target));
    case 'list_flatten':
      return listCall(1, size(target));
    case 'list_flatten_int':
      return listCall(literalInt(args[0], UNBOUNDED), size(target));
    case 'list_distinct':
      return selfCompare(size(target), false);
    default:
      return undefined;
  }
};
