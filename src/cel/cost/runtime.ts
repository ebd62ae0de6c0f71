/**
 * What calls cost when they are made.
 *
 * Upstream: cel-go interpreter/runtimecost.go (costCall), ext/sets.go and ext/lists.go (their
 * trackers), v0.26, and Kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/cel/library/cost.go
 * (CallCost). What is not named here costs 1.
 */
import {
  codePointLength,
  ListValue,
  MapValue,
  OpaqueValue,
  Optional,
  sizeOf,
  type Value,
} from '../value/value.ts';

export const LIST_CREATE_COST = 10;
export const MAP_CREATE_COST = 30;
export const STRUCT_CREATE_COST = 40;
export const STRING_FACTOR = 0.1;
export const REGEX_FACTOR = 0.25;
/** An authorization check: two of them fit into one expression. */
export const CHECK_COST = 350_000;

/** The cost of one call; errors have their cost too. */
export type CallCost = (args: readonly Value[], result: Value) => number;

/** The size of a value for its cost: 1 for what has no size. */
function actualSize(value: Value | undefined): number {
  if (typeof value === 'string') return codePointLength(value);
  if (value === undefined) return 1;
  if (value instanceof OpaqueValue) return value.costSize;
  if (value instanceof Optional && value.value !== undefined) return actualSize(value.value);
  return sizeOf(value) ?? 1;
}

const traverse = (size: number, factor = STRING_FACTOR): number => Math.ceil(size * factor);

/** The cost of reading all of a value. */
function traversalCost(value: Value): number {
  if (typeof value === 'string') return Math.floor(Buffer.byteLength(value) * STRING_FACTOR);
  if (value instanceof Uint8Array) return Math.floor(value.length * STRING_FACTOR);
  let cost = 0;
  if (value instanceof ListValue) {
    for (let index = 0; index < value.size; index += 1) cost += traversalCost(value.at(index));
    return cost;
  }
  if (value instanceof MapValue) {
    for (const key of value.keys())
      cost += traversalCost(key) + traversalCost(value.find(key) ?? null);
    return cost;
  }
  return 1;
}

const firstTraversal: CallCost = ([first]) => traverse(actualSize(first));
const firstTwice: CallCost = ([first]) => traverse(actualSize(first), 2 * STRING_FACTOR);
const smaller: CallCost = ([first, second]) =>
  traverse(Math.min(actualSize(first), actualSize(second)));
const both: CallCost = ([first, second]) => traverse(actualSize(first) + actualSize(second));
const regex: CallCost = ([text, pattern]) =>
  traverse(1 + actualSize(text)) * traverse(actualSize(pattern), REGEX_FACTOR);
const wholeList: CallCost = ([list]) => (list === undefined ? 0 : traversalCost(list));

/** A list of requirements: reading the text, and a struct and a slice for each two characters. */
function selectorCost(size: number): number {
  const requirements = Math.ceil(size * 0.5);
  return LIST_CREATE_COST + traverse(size) + requirements * (LIST_CREATE_COST + STRUCT_CREATE_COST);
}

const equality: CallCost = ([left, right]) => {
  if (left instanceof OpaqueValue) return 1;
  return traverse(Math.min(actualSize(left), actualSize(right)));
};

function containsCost(hasRange: boolean, isText: boolean): CallCost {
  return ([cidr, other]) => {
    const size = actualSize(cidr);
    let cost = traverse(size + size);
    if (hasRange) cost += traverse(size) + 1;
    return isText ? cost + traverse(actualSize(other)) : cost;
  };
}

const listCall = (factor: number, size: number): number =>
  Math.floor(size * factor) + 1 + LIST_CREATE_COST;

const outputList: CallCost = (_args, result) => listCall(1, actualSize(result));

function selfCompare(list: Value | undefined): number {
  const size = actualSize(list);
  const first = list instanceof ListValue && size > 0 ? list.at(0) : undefined;
  const isText = typeof first === 'string' || first instanceof Uint8Array;
  return listCall(isText ? 2 + STRING_FACTOR : 2, size * size);
}

const sets =
  (factor: number): CallCost =>
  ([left, right]) =>
    1 + Math.floor(actualSize(left) * actualSize(right) * factor);

/** By overload; of these upstream's libraries count in a way of their own. */
const BY_LIBRARY_OVERLOAD: Readonly<Record<string, CallCost>> = {
  list_sets_contains_list: sets(1),
  list_sets_intersects_list: sets(1),
  list_sets_equivalent_list: sets(2),
  list_slice: outputList,
  lists_range: outputList,
  list_reverse: outputList,
  list_flatten: ([list]) => listCall(1, actualSize(list)),
  list_flatten_int: ([list, depth]) => listCall(Number(depth), actualSize(list)),
  list_distinct: ([list]) => selfCompare(list),
};

/** By function name: the libraries of Kubernetes. */
const BY_FUNCTION: Readonly<Record<string, CallCost>> = {
  check: () => CHECK_COST,
  fieldSelector: ([, text]) => selectorCost(actualSize(text)),
  labelSelector: ([, text]) => selectorCost(actualSize(text)),
  isSorted: wholeList,
  sum: wholeList,
  max: wholeList,
  min: wholeList,
  indexOf: wholeList,
  lastIndexOf: wholeList,
  url: firstTraversal,
  lowerAscii: firstTraversal,
  upperAscii: firstTraversal,
  substring: firstTraversal,
  trim: firstTraversal,
  'jsonpatch.escapeKey': firstTraversal,
  replace: firstTwice,
  split: firstTwice,
  join: (_args, result) => traverse(actualSize(result), 2 * STRING_FACTOR),
  find: regex,
  findAll: regex,
  cidr: firstTraversal,
  isIP: firstTraversal,
  isCIDR: firstTraversal,
  'ip.isCanonical': firstTwice,
  quantity: firstTraversal,
  isQuantity: firstTraversal,
  semver: firstTraversal,
  isSemver: firstTraversal,
  '_==_': equality,
};

/** By overload: the standard library. */
const BY_OVERLOAD: Readonly<Record<string, CallCost>> = {
  starts_with_string: firstTraversal,
  ends_with_string: firstTraversal,
  string_to_bytes: firstTraversal,
  bytes_to_string: firstTraversal,
  strings_quote: firstTraversal,
  string_format: firstTraversal,
  in_list: ([, list]) => actualSize(list),
  add_string: both,
  add_bytes: both,
  equals: smaller,
  not_equals: smaller,
  matches_string: regex,
  contains_string: ([text, part]) => traverse(actualSize(text)) * traverse(actualSize(part)),
};
for (const order of ['less', 'less_equals', 'greater', 'greater_equals']) {
  Object.assign(BY_OVERLOAD, { [`${order}_string`]: smaller, [`${order}_bytes`]: smaller });
}

/** What a validator of a format can cost at most is told by the format. */
const validate: CallCost = ([format, text]) => {
  const regexSize =
    format instanceof OpaqueValue && 'maxRegexSize' in format ? Number(format.maxRegexSize) : 0;
  return traverse(1 + actualSize(text)) * traverse(regexSize, REGEX_FACTOR);
};

function byNameAndOverload(name: string, id: string): CallCost | undefined {
  if (name === 'ip' && id !== 'cidr_ip') return firstTraversal;
  if (name === 'validate') return validate;
  if (name === 'containsIP') return containsCost(false, id === 'cidr_contains_ip_string');
  if (name === 'containsCIDR') return containsCost(true, id === 'cidr_contains_cidr_string');
  return undefined;
}

/**
 * How a call costs, or undefined when every call costs 1.
 *
 * @param id the overload, or empty when only the values tell which it is
 * @param areListsCosted whether the list library counts in its own way (since its version 3)
 */
export function callCost(name: string, id: string): CallCost | undefined {
  const sorted = /_sort(ByAssociatedKeys)?$/.exec(id);
  if (sorted !== null) {
    return (args) => selfCompare(args[sorted[1] === undefined ? 0 : 1]);
  }
  return (
    BY_LIBRARY_OVERLOAD[id] ?? byNameAndOverload(name, id) ?? BY_FUNCTION[name] ?? BY_OVERLOAD[id]
  );
}
