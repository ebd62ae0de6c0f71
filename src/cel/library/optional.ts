/**
 * Optional values: `optional.of`, `value`, `or` and what reads parts of them.
 *
 * Upstream: cel-go cel/library.go (optionalLib, all versions), v0.26. `or`, `orValue` and the
 * operators are computed by the planner and only declared here.
 */
import { type FunctionTable, member, overload } from '../check/declarations.ts';
import {
  BOOL,
  DYN,
  INT,
  listType,
  mapType,
  optionalType,
  paramType,
  STRING,
} from '../check/type.ts';
import {
  ArrayList,
  CelError,
  Duration,
  elementsOf,
  ListValue,
  MapValue,
  noSuchOverload,
  Optional,
  Timestamp,
  typeNameOf,
  Uint,
  type Value,
} from '../value/value.ts';

const K = paramType('K');
const V = paramType('V');
const OPTIONAL_V = optionalType(V);
const LIST_V = listType(V);
const MAP_KV = mapType(K, V);
const LIST_OPTIONAL_V = listType(OPTIONAL_V);

const planned = (): Value => noSuchOverload();

function isZero(value: Value): boolean {
  if (value === null || value === false || value === '' || value === 0 || value === 0n) return true;
  if (value instanceof Uint) return value.value === 0n;
  if (value instanceof Uint8Array) return value.length === 0;
  if (value instanceof ListValue || value instanceof MapValue) return value.size === 0;
  if (value instanceof Duration) return value.nanos === 0n;
  if (value instanceof Timestamp) return value.nanos === ZERO_TIME_NANOS;
  return value instanceof Optional && value.value === undefined;
}

/** Go's zero time: the beginning of the year 1. */
const ZERO_TIME_NANOS = -62_135_596_800_000_000_000n;

function unwrap(list: Value): Value {
  if (!(list instanceof ListValue)) return noSuchOverload();
  const values: Value[] = [];
  for (const each of elementsOf(list)) {
    if (!(each instanceof Optional))
      return new CelError(`value ${typeNameOf(each)} is not optional`);
    if (each.value !== undefined) values.push(each.value);
  }
  return new ArrayList(values);
}

function end(list: Value, isLast: boolean): Value {
  if (!(list instanceof ListValue)) return noSuchOverload();
  return list.size === 0 ? Optional.NONE : new Optional(list.at(isLast ? list.size - 1 : 0));
}

export const OPTIONAL_LIBRARY: FunctionTable = {
  'optional.of': [overload('optional_of', [V], OPTIONAL_V, (value) => new Optional(value))],
  'optional.ofNonZeroValue': [
    overload('optional_ofNonZeroValue', [V], OPTIONAL_V, (value) =>
      isZero(value ?? null) ? Optional.NONE : new Optional(value),
    ),
  ],
  'optional.none': [overload('optional_none', [], OPTIONAL_V, () => Optional.NONE)],
  'optional.unwrap': [
    overload('optional_unwrap', [LIST_OPTIONAL_V], LIST_V, (list) => unwrap(list ?? null)),
  ],
  unwrapOpt: [
    member('optional_unwrapOpt', [LIST_OPTIONAL_V], LIST_V, (list) => unwrap(list ?? null)),
  ],
  value: [
    member('optional_value', [OPTIONAL_V], V, (optional) => {
      if (!(optional instanceof Optional)) return noSuchOverload();
      return optional.value === undefined
        ? new CelError('optional.none() dereference')
        : optional.value;
    }),
  ],
  hasValue: [
    member('optional_hasValue', [OPTIONAL_V], BOOL, (optional) =>
      optional instanceof Optional ? optional.value !== undefined : noSuchOverload(),
    ),
  ],
  or: [member('optional_or_optional', [OPTIONAL_V, OPTIONAL_V], OPTIONAL_V, planned)],
  orValue: [member('optional_orValue_value', [OPTIONAL_V, V], V, planned)],
  first: [member('list_first', [LIST_V], OPTIONAL_V, (list) => end(list ?? null, false))],
  last: [member('list_last', [LIST_V], OPTIONAL_V, (list) => end(list ?? null, true))],
  '_?._': [overload('select_optional_field', [DYN, STRING], OPTIONAL_V, planned)],
  '_[?_]': [
    overload('list_optindex_optional_int', [LIST_V, INT], OPTIONAL_V, planned),
    overload(
      'optional_list_optindex_optional_int',
      [optionalType(LIST_V), INT],
      OPTIONAL_V,
      planned,
    ),
    overload('map_optindex_optional_value', [MAP_KV, K], OPTIONAL_V, planned),
    overload(
      'optional_map_optindex_optional_value',
      [optionalType(MAP_KV), K],
      OPTIONAL_V,
      planned,
    ),
  ],
  '_[_]': [
    overload('optional_list_index_int', [optionalType(LIST_V), INT], OPTIONAL_V, planned),
    overload('optional_map_index_value', [optionalType(MAP_KV), K], OPTIONAL_V, planned),
  ],
};
