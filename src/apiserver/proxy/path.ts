/** Paths as Go's net/url and path packages clean and write them. */

/** `/a/../b//c` is `/b/c`: no path climbs above the root. */
export function cleanPath(path: string): string {
  const kept: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') kept.pop();
    else if (part !== '' && part !== '.') kept.push(part);
  }
  return `/${kept.join('/')}`;
}

/** The cleaned path of both, with the slash that `tail` ends in. */
export function joinPaths(head: string, tail: string): string {
  const joined = cleanPath(`${head}/${tail}`);
  return tail.endsWith('/') && !joined.endsWith('/') ? `${joined}/` : joined;
}

/** What encodeURIComponent escapes and a path may hold as it is, and the other way round. */
const ALLOWED = /%(2F|24|26|2B|2C|3A|3B|3D|40)/g;
const MUST_ESCAPE = /[!'()*]/g;

/** A path for the request line. Half a surrogate, which no URL can hold, becomes U+FFFD. */
export function escapePath(path: string): string {
  return encodeURIComponent(path.toWellFormed())
    .replace(ALLOWED, (escape) => decodeURIComponent(escape))
    .replace(MUST_ESCAPE, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
