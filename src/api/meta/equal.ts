/**
 * Equality of parsed JSON, in two strengths. The order of keys never counts, and a member that is
 * undefined is no member.
 *
 * `__proto__` may be a key of a client's object: members that are there are counted on both sides.
 */
type IsAbsent = (value: unknown) => boolean;

/** The same JSON. */
export function equalJson(left: unknown, right: unknown): boolean {
  return equal(left, right, isUndefined);
}

/**
 * The same API value, as upstream's Semantic.DeepEqual has it: absent, null, the empty text, list
 * and map are all the same. Quantities are compared as text: decoding has made them canonical.
 */
export function equalValues(left: unknown, right: unknown): boolean {
  return equal(left, right, isEmpty);
}

function equal(left: unknown, right: unknown, isAbsent: IsAbsent): boolean {
  if (left === right) return true;
  if (isMap(left) && isMap(right)) return equalMembers(left, right, isAbsent);
  if (isAbsent(left) || isAbsent(right)) return isAbsent(left) && isAbsent(right);
  if (!Array.isArray(left) || !Array.isArray(right) || left.length !== right.length) return false;
  for (let i = 0; i < left.length; i++) if (!equal(left[i], right[i], isAbsent)) return false;
  return true;
}

type Members = Readonly<Record<string, unknown>>;

function isMap(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function equalMembers(left: Members, right: Members, isAbsent: IsAbsent): boolean {
  let members = 0;
  for (const key in left) {
    const value = left[key];
    if (isAbsent(value)) continue;
    members++;
    if (!equal(value, right[key], isAbsent)) return false;
    // The one thing that JSON could be equal to in a prototype.
    if (key === '__proto__' && !Object.hasOwn(right, key)) return false;
  }
  for (const key in right) if (!isAbsent(right[key])) members--;
  return members === 0;
}

function isUndefined(value: unknown): boolean {
  return value === undefined;
}

/** Nothing is in it: null, or a list or map whose members are all undefined. */
function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === 'object' && Object.values(value).every(isUndefined);
}
