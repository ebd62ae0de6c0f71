/** The order of map keys: by bytes of UTF-8, as Go sorts strings. */

const SURROGATE = /[\ud800-\udfff]/;

/** The keys of a map in Go's order. */
export function sortedKeys(map: object): string[] {
  const keys = Object.keys(map);
  if (keys.length < 2) return keys;
  // UTF-16 and UTF-8 order the same text alike, but for characters that need surrogates.
  if (keys.some((key) => SURROGATE.test(key))) {
    return keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  }
  return keys.sort();
}
