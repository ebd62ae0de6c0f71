/**
 * Equality of API values as upstream's Semantic.DeepEqual has it: absent, null, empty list and
 * empty map are all the same; the order of keys does not count. Quantities are compared as text,
 * because decoding has made them canonical.
 */

export function equalValues(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (isEmpty(left) || isEmpty(right)) return isEmpty(left) && isEmpty(right);
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null)
    return false;
  if (Array.isArray(left) || Array.isArray(right)) {
    return (
      Array.isArray(left) &&
      Array.isArray(right) &&
      left.length === right.length &&
      left.every((value, i) => equalValues(value, right[i]))
    );
  }
  return equalMaps(new Map(Object.entries(left)), new Map(Object.entries(right)));
}

function equalMaps(
  left: ReadonlyMap<string, unknown>,
  right: ReadonlyMap<string, unknown>,
): boolean {
  for (const key of new Set([...left.keys(), ...right.keys()])) {
    if (!equalValues(left.get(key), right.get(key))) return false;
  }
  return true;
}

/** Nothing is in it: null, or a list or map whose members are all absent. */
function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === 'object' && Object.values(value).every((member) => member === undefined);
}
