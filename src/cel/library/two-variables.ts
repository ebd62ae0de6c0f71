/**
 * What the macros with two variables need: putting an entry into a map.
 *
 * Upstream: cel-go ext/comprehensions.go, v0.26. Within a loop the planner does it in place.
 */
import { type FunctionTable, overload } from '../check/declarations.ts';
import { mapType, paramType } from '../check/type.ts';
import { CelError, EntryMap, keyOf, MapValue, noSuchOverload, type Value } from '../value/value.ts';

const K = paramType('K');
const V = paramType('V');
const MAP = mapType(K, V);

function insert(map: Value, additions: readonly (readonly [Value, Value])[]): Value {
  if (!(map instanceof MapValue)) return noSuchOverload();
  const entries = new Map<string | bigint | boolean, readonly [Value, Value]>();
  for (const key of map.keys()) {
    const canonical = keyOf(key);
    if (canonical !== undefined) entries.set(canonical, [key, map.find(key) ?? null]);
  }
  for (const addition of additions) {
    const canonical = keyOf(addition[0]);
    if (canonical === undefined) return new CelError('unsupported key type');
    if (entries.has(canonical)) {
      return new CelError(`insert failed: key ${String(canonical)} already exists`);
    }
    entries.set(canonical, addition);
  }
  return new EntryMap(entries);
}

export const TWO_VARIABLE_LIBRARY: FunctionTable = {
  'cel.@mapInsert': [
    overload('@mapInsert_map_key_value', [MAP, K, V], MAP, (map = null, key = null, value = null) =>
      insert(map, [[key, value]]),
    ),
    overload('@mapInsert_map_map', [MAP, MAP], MAP, (map = null, added = null) =>
      added instanceof MapValue
        ? insert(
            map,
            Array.from(added.keys(), (key) => [key, added.find(key) ?? null] as const),
          )
        : noSuchOverload(),
    ),
  ],
};
