/**
 * The list extension of CEL: slices, flattening, sorting.
 *
 * Upstream: cel-go ext/lists.go, version 3, v0.26. The macro `sortBy` is in `syntax/macros.ts`.
 */
import { type FunctionTable, member, overload } from '../check/declarations.ts';
import {
  BOOL,
  BYTES,
  DOUBLE,
  DURATION,
  DYN,
  INT,
  listType,
  paramType,
  STRING,
  TIMESTAMP,
  UINT,
} from '../check/type.ts';
import { compare, equal } from '../value/equal.ts';
import {
  ArrayList,
  CelError,
  elementsOf,
  ListValue,
  noSuchOverload,
  typeNameOf,
  type Value,
} from '../value/value.ts';

const LIST = listType(paramType('T'));
const LIST_LIST = listType(LIST);
const LIST_DYN = listType(DYN);
/** Longer ranges than any cost limit lets through are refused before they are made. */
const RANGE_MAX = 10_000_000n;

function slice(list: Value, start: Value, end: Value): Value {
  if (!(list instanceof ListValue) || typeof start !== 'bigint' || typeof end !== 'bigint') {
    return noSuchOverload();
  }
  const call = `cannot slice(${start}, ${end})`;
  if (start < 0n || end < 0n) return new CelError(`${call}, negative indexes not supported`);
  if (start > end) {
    return new CelError(`${call}, start index must be less than or equal to end index`);
  }
  if (BigInt(list.size) < end) return new CelError(`${call}, list is length ${list.size}`);
  const length = Number(end - start);
  return new ArrayList(Array.from({ length }, (_, index) => list.at(Number(start) + index)));
}

function flattened(list: ListValue, depth: number, into: Value[]): readonly Value[] {
  for (const element of elementsOf(list)) {
    if (depth > 0 && element instanceof ListValue) flattened(element, depth - 1, into);
    else into.push(element);
  }
  return into;
}

function flatten(list: Value, depth: Value): Value {
  if (!(list instanceof ListValue) || typeof depth !== 'bigint') return noSuchOverload();
  if (depth < 0n) return new CelError('level must be non-negative');
  return new ArrayList(flattened(list, Number(depth), []));
}

function sortBy(list: Value, keys: Value): Value {
  if (!(list instanceof ListValue) || !(keys instanceof ListValue)) return noSuchOverload();
  if (list.size !== keys.size) {
    return new CelError(
      `@sortByAssociatedKeys() expected a list of the same size as the associated keys list, but got ${list.size} and ${keys.size} elements respectively`,
    );
  }
  if (list.size === 0) return list;
  const keyed = Array.from(elementsOf(keys), (key, index) => ({ key, value: list.at(index) }));
  const [first] = keyed;
  const type = typeNameOf(first?.key ?? null);
  if (keyed.some(({ key }) => typeNameOf(key) !== type)) {
    return new CelError('list elements must have the same type');
  }
  if (compare(first?.key ?? null, first?.key ?? null) instanceof CelError) {
    return new CelError('list elements must be comparable');
  }
  const sorted = keyed.toSorted((a, b) => Number(compare(a.key, b.key) ?? 0));
  return new ArrayList(sorted.map(({ value }) => value));
}

function range(count: Value): Value {
  if (typeof count !== 'bigint') return noSuchOverload();
  if (count > RANGE_MAX) return new CelError(`lists.range() of ${count} elements is too long`);
  return new ArrayList(
    Array.from({ length: Math.max(Number(count), 0) }, (_, index) => BigInt(index)),
  );
}

function reverse(list: Value): Value {
  return list instanceof ListValue
    ? new ArrayList([...elementsOf(list)].reverse())
    : noSuchOverload();
}

function distinct(list: Value): Value {
  if (!(list instanceof ListValue)) return noSuchOverload();
  const found: Value[] = [];
  for (const element of elementsOf(list)) {
    if (!found.some((each) => equal(each, element) === true)) found.push(element);
  }
  return new ArrayList(found);
}

const COMPARABLE = [INT, UINT, DOUBLE, BOOL, DURATION, TIMESTAMP, STRING, BYTES];

export const LISTS_EXTENSION: FunctionTable = {
  slice: [member('list_slice', [LIST, INT, INT], LIST, slice)],
  // Upstream does not ask what the elements are: what is no list stays as it is.
  flatten: [
    member('list_flatten', [LIST_LIST], LIST, (list) => flatten(list, 1n)),
    member('list_flatten_int', [LIST_DYN, INT], LIST_DYN, flatten),
  ].map((each) => ({ ...each, isUnguarded: true })),
  sort: COMPARABLE.map((type) =>
    member(`list_${type.name}_sort`, [listType(type)], listType(type), (list) =>
      sortBy(list, list),
    ),
  ),
  '@sortByAssociatedKeys': COMPARABLE.map((type) =>
    member(`list_${type.name}_sortByAssociatedKeys`, [LIST, listType(type)], LIST, sortBy),
  ),
  'lists.range': [overload('lists_range', [INT], listType(INT), range)],
  reverse: [member('list_reverse', [LIST], LIST, reverse)],
  distinct: [member('list_distinct', [LIST], LIST, distinct)],
};
