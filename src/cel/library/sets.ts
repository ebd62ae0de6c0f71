/**
 * Lists as sets.
 *
 * Upstream: cel-go ext/sets.go, v0.26.
 */
import { type FunctionTable, type Overload, overload } from '../check/declarations.ts';
import { BOOL, listType, paramType } from '../check/type.ts';
import { isInList } from '../value/equal.ts';
import { elementsOf, ListValue, noSuchOverload, type Value } from '../value/value.ts';

function contains(list: ListValue, part: ListValue): Value {
  for (const element of elementsOf(part)) {
    const outcome = isInList(element, list);
    if (outcome !== true) return outcome;
  }
  return true;
}

function intersects(a: ListValue, b: ListValue): Value {
  for (const element of elementsOf(a)) {
    if (isInList(element, b) === true) return true;
  }
  return false;
}

function isEquivalent(a: ListValue, b: ListValue): Value {
  const outcome = contains(a, b);
  return outcome === true ? contains(b, a) : outcome;
}

const LIST = listType(paramType('T'));

const ofLists = (
  id: string,
  compute: (a: ListValue, b: ListValue) => Value,
): readonly Overload[] => [
  overload(id, [LIST, LIST], BOOL, (a, b) =>
    a instanceof ListValue && b instanceof ListValue ? compute(a, b) : noSuchOverload(),
  ),
];

export const SETS_LIBRARY: FunctionTable = {
  'sets.contains': ofLists('list_sets_contains_list', contains),
  'sets.equivalent': ofLists('list_sets_equivalent_list', isEquivalent),
  'sets.intersects': ofLists('list_sets_intersects_list', intersects),
};
