/**
 * What calls of the Kubernetes libraries cost, beside their arguments.
 *
 * Upstream: Kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/cel/library/cost.go
 * (EstimateCallCost). These figures are part of the API: they decide which rules are accepted.
 */
import { isSameType, type Type } from '../check/type.ts';
import { type Bounds, byFactor, exactly, ONE, plus, times, UNBOUNDED, UNKNOWN } from './bounds.ts';
import { extensionEstimate } from './estimate-standard.ts';
import {
  type CallEstimate,
  type CallEstimator,
  type CostNode,
  type EstimatedCall,
  type SizeEstimator,
  sizeOrUnknown,
} from './node.ts';
import {
  CHECK_COST,
  LIST_CREATE_COST,
  REGEX_FACTOR,
  STRING_FACTOR,
  STRUCT_CREATE_COST,
} from './runtime.ts';

/** How long the regular expression of a named format may be. */
const FORMAT_REGEX_MAX = 128;
/** How long the name of a format may be. */
const FORMAT_NAME_MAX = 64;

type Sizes = (node: CostNode | undefined) => Bounds;
type Estimate = (call: EstimatedCall, size: Sizes) => CallEstimate | undefined;

const cost = (bounds: Bounds): CallEstimate => ({ cost: bounds });
const read = (size: Bounds, factor = STRING_FACTOR): Bounds => byFactor(size, factor);
const nominal: Estimate = () => cost(ONE);

const readArgument: Estimate = ({ args }, size) =>
  args.length === 0 ? undefined : cost(read(size(args[0])));

function selector({ args }: EstimatedCall, size: Sizes): CallEstimate | undefined {
  if (args.length !== 1) return undefined;
  const length = size(args[0]);
  const requirements = byFactor(length, 0.5);
  const each = byFactor(requirements, LIST_CREATE_COST + STRUCT_CREATE_COST);
  return cost(plus(plus(exactly(LIST_CREATE_COST), read(length)), each));
}

/** The elements of a list, with the schema's path to them. */
function elementNode(list: CostNode): CostNode | undefined {
  const [type] = list.type.parameters;
  if (type === undefined) return undefined;
  const path = list.path === undefined ? undefined : [...list.path, '@items'];
  return { path, type, expr: undefined, computedSize: undefined };
}

const isText = ({ kind }: Type): boolean => kind === 'string' || kind === 'bytes';

const wholeList: Estimate = ({ target }, size) => {
  if (target === undefined) return undefined;
  const element = elementNode(target);
  if (element === undefined) return cost(read(size(target)));
  const each = isText(element.type) ? plus(ONE, read(size(element))) : ONE;
  return cost(times(size(target), each));
};

const readTarget: Estimate = ({ target }, size) => {
  if (target === undefined) return undefined;
  const resultSize = size(target);
  return { cost: read(resultSize), resultSize };
};

const readInto: Estimate = ({ args }, size) => {
  if (args.length !== 1) return undefined;
  const resultSize = size(args[0]);
  return { cost: read(resultSize), resultSize };
};

const oneMore = (count: number): number => Math.min(count + 1, UNBOUNDED);

/** How often and how much a replacement replaces, at its shortest or its longest. */
function replaced(
  text: number,
  old: number,
  isNoLonger: boolean,
): { readonly count: number; readonly kept: number } {
  if (old === 0) return { count: oneMore(text), kept: text };
  if (isNoLonger) return { count: 0, kept: text };
  return { count: Math.ceil(text / old), kept: 0 };
}

const replace: Estimate = ({ target, args }, size) => {
  if (target === undefined || args.length < 2) return undefined;
  const [text, old, by] = [size(target), size(args[0]), size(args[1])];
  const longest = replaced(text.max, old.min, by.max <= old.min);
  const shortest = replaced(text.min, old.max, old.max <= by.min);
  const count = { min: shortest.count, max: longest.count };
  const resultSize = plus(times(count, by), { min: shortest.kept, max: longest.kept });
  return { cost: read(text, 2 * STRING_FACTOR), resultSize };
};

const split: Estimate = ({ target, args }, size) => {
  if (target === undefined) return undefined;
  const text = size(target);
  const limit = args[1]?.expr;
  const isLimited = limit?.kind === 'literal' && typeof limit.value === 'bigint';
  const max = isLimited ? Number(limit.value) : text.max;
  return {
    cost: read(text, 2 * STRING_FACTOR),
    resultSize: { min: 0, max: max < 0 ? UNBOUNDED : max },
  };
};

const join: Estimate = ({ target, args }, size) => {
  if (target === undefined) return undefined;
  const list = size(target);
  const element = elementNode(target);
  let resultSize = element === undefined ? exactly(0) : times(list, size(element));
  if (args.length > 0) {
    const separators = { min: Math.max(list.min - 1, 0), max: Math.max(list.max - 1, 0) };
    resultSize = plus(resultSize, times(size(args[0]), separators));
  }
  return { cost: read(resultSize), resultSize };
};

const find: Estimate = ({ target, args }, size) => {
  if (target === undefined || args.length === 0) return undefined;
  const text = size(target);
  const pattern = byFactor(size(args[0]), REGEX_FACTOR);
  const resultSize = { min: 0, max: text.max };
  return { cost: times(read(plus(text, ONE)), pattern), resultSize };
};

/** The bytes of an address. */
const ADDRESS: Bounds = { min: 4, max: 16 };

const contains =
  (isRange: boolean): Estimate =>
  ({ overloadId, args }, size) => {
    if (args.length === 0) return undefined;
    let total = read(plus(ADDRESS, ADDRESS));
    if (isRange) total = plus(plus(total, read(ADDRESS)), ONE);
    return cost(overloadId.endsWith('_string') ? plus(total, read(size(args[0]))) : total);
  };

const validate: Estimate = ({ args }, size) =>
  args.length === 0
    ? undefined
    : cost(byFactor(read(size(args[0])), FORMAT_REGEX_MAX * REGEX_FACTOR));

const UNIT_EQUALITY = new Set([
  'net.IP',
  'net.CIDR',
  'kubernetes.Quantity',
  'kubernetes.Semver',
  'kubernetes.authorization.Authorizer',
  'kubernetes.authorization.PathCheck',
  'kubernetes.authorization.GroupCheck',
  'kubernetes.authorization.ResourceCheck',
  'kubernetes.authorization.Decision',
]);

const equality: Estimate = ({ args }) => {
  const [left, right] = args;
  if (left === undefined || right === undefined || !isSameType(left.type, right.type)) {
    return undefined;
  }
  const { name } = left.type;
  if (UNIT_EQUALITY.has(name)) return cost(ONE);
  if (name === 'kubernetes.NamedFormat') return cost(read({ min: 1, max: FORMAT_NAME_MAX }));
  if (name !== 'kubernetes.URL') return undefined;
  return cost(read({ min: 1, max: right.computedSize?.max ?? 1 }));
};

const byNames = (names: string, estimate: Estimate): Readonly<Record<string, Estimate>> =>
  Object.fromEntries(names.split(' ').map((name) => [name, estimate]));

const ESTIMATES: Readonly<Record<string, Estimate>> = {
  check: () => cost(exactly(CHECK_COST)),
  ...byNames('serviceAccount path group resource subresource namespace name', nominal),
  ...byNames('allowed reason error errored', nominal),
  ...byNames('fieldSelector labelSelector', selector),
  ...byNames('isSorted sum max min indexOf lastIndexOf', wholeList),
  ...byNames('url jsonpatch.escapeKey', readInto),
  ...byNames('lowerAscii upperAscii substring trim', readTarget),
  replace,
  split,
  join,
  ...byNames('find findAll', find),
  ...byNames('cidr isIP isCIDR', readArgument),
  ip: (call, size) => (call.overloadId === 'cidr_ip' ? cost(ONE) : readArgument(call, size)),
  'ip.isCanonical': ({ args }, size) =>
    args.length === 0 ? undefined : cost(read(size(args[0]), 2 * STRING_FACTOR)),
  ...byNames('masked prefixLength family isUnspecified isLoopback', nominal),
  ...byNames('isLinkLocalMulticast isLinkLocalUnicast isGlobalUnicast', nominal),
  containsIP: contains(false),
  containsCIDR: contains(true),
  ...byNames('quantity isQuantity semver isSemver', readArgument),
  validate,
  'format.named': nominal,
  ...byNames('sign asInteger isInteger asApproximateFloat isGreaterThan isLessThan', nominal),
  ...byNames('compareTo add sub major minor patch', nominal),
  ...byNames('getScheme getHostname getHost getPort getEscapedPath getQuery', nominal),
  '_==_': equality,
};

/** What Kubernetes says of a call; undefined where it says nothing. */
export const kubernetesEstimate: CallEstimator = (call: EstimatedCall, sizeOf: SizeEstimator) => {
  const told = extensionEstimate(call, sizeOf);
  if (told !== undefined) return told;
  const size: Sizes = (node) =>
    node === undefined ? UNKNOWN : sizeOrUnknown(node, sizeOf, UNKNOWN);
  return Object.hasOwn(ESTIMATES, call.name) ? ESTIMATES[call.name]?.(call, size) : undefined;
};
