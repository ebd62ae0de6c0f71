/**
 * `isSorted`, `sum`, `min`, `max`, `indexOf`, `lastIndexOf` of lists.
 *
 * Upstream: Kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/cel/library/lists.go.
 */
import { type FunctionTable, member, type Overload } from '../check/declarations.ts';
import {
  BOOL,
  BYTES,
  DOUBLE,
  DURATION,
  INT,
  listType,
  paramType,
  STRING,
  TIMESTAMP,
  type Type,
  UINT,
} from '../check/type.ts';
import { add } from '../value/arithmetic.ts';
import { compare, equal } from '../value/equal.ts';
import {
  CelError,
  Duration,
  elementsOf,
  ListValue,
  noSuchOverload,
  Uint,
  type Value,
} from '../value/value.ts';

const SUMMABLE: readonly (readonly [name: string, type: Type, zero: Value])[] = [
  ['int', INT, 0n],
  ['uint', UINT, new Uint(0n)],
  ['double', DOUBLE, 0],
  ['duration', DURATION, new Duration(0n)],
];
const COMPARABLE: readonly (readonly [name: string, type: Type])[] = [
  ['int', INT],
  ['uint', UINT],
  ['double', DOUBLE],
  ['bool', BOOL],
  ['duration', DURATION],
  ['timestamp', TIMESTAMP],
  ['string', STRING],
  ['bytes', BYTES],
];

function isSorted(list: Value): Value {
  if (!(list instanceof ListValue)) return noSuchOverload();
  for (let index = 1; index < list.size; index += 1) {
    const order = compare(list.at(index - 1), list.at(index));
    if (order instanceof CelError) return order;
    if (order === 1) return false;
  }
  return true;
}

function sum(list: Value, zero: Value): Value {
  if (!(list instanceof ListValue)) return noSuchOverload();
  let total = zero;
  for (const element of elementsOf(list)) total = add(total, element);
  return total;
}

/** The element that all others stand on one side of. */
function extreme(list: Value, name: 'min' | 'max'): Value {
  if (!(list instanceof ListValue)) return noSuchOverload();
  if (list.size === 0) return new CelError(`${name} called on empty list`);
  let best = list.at(0);
  for (let index = 1; index < list.size; index += 1) {
    const next = list.at(index);
    const order = compare(best, next);
    if (order instanceof CelError) return order;
    if (order === (name === 'min' ? 1 : -1)) best = next;
  }
  return best;
}

function indexOf(list: Value, value: Value, isLast: boolean): Value {
  if (!(list instanceof ListValue)) return noSuchOverload();
  const { size } = list;
  for (let step = 0; step < size; step += 1) {
    const index = isLast ? size - 1 - step : step;
    if (equal(list.at(index), value) === true) return BigInt(index);
  }
  return -1n;
}

const A = paramType('A');

const extremes = (name: 'min' | 'max'): readonly Overload[] =>
  COMPARABLE.map(([kind, type]) =>
    member(`list_${kind}_${name}_${kind}`, [listType(type)], type, (list) => extreme(list, name)),
  );

export const LISTS_LIBRARY: FunctionTable = {
  isSorted: COMPARABLE.map(([kind, type]) =>
    member(`list_${kind}_is_sorted_bool`, [listType(type)], BOOL, isSorted),
  ),
  sum: SUMMABLE.map(([kind, type, zero]) =>
    member(`list_${kind}_sum_${kind}`, [listType(type)], type, (list) => sum(list, zero)),
  ),
  min: extremes('min'),
  max: extremes('max'),
  indexOf: [
    member('list_a_index_of_int', [listType(A), A], INT, (list, value) =>
      indexOf(list, value, false),
    ),
  ],
  lastIndexOf: [
    member('list_a_last_index_of_int', [listType(A), A], INT, (list, value) =>
      indexOf(list, value, true),
    ),
  ],
};
