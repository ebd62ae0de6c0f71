/** Labels and annotations as values. */

type StringMap = Readonly<Record<string, string>>;

/** Whether two maps say the same; unlike `equalValues`, an empty value is not an absent one. */
export function sameMap(a: StringMap = {}, b: StringMap = {}): boolean {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].every((key) => a[key] === b[key]);
}
