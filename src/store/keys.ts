/**
 * The order of keys: by their UTF-8 bytes, as etcd orders them and as SQLite compares TEXT. A
 * comparison of JavaScript strings goes by UTF-16 units and differs from it above U+FFFF.
 */
import { BATCH_WRITES_MAX, type Write } from './store.ts';

/** Keys are longer than this in no cluster; it bounds what an index can cost. */
const KEY_LENGTH_MAX = 4096;

/** Negative, zero or positive: the order of the UTF-8 encodings of two well-formed strings. */
export function compareKeys(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const x = a.charCodeAt(index);
    const y = b.charCodeAt(index);
    if (x !== y) return byCodePoint(x) - byCodePoint(y);
  }
  return a.length - b.length;
}

/** Moves surrogates, which stand for what is above U+FFFF, behind the other 16-bit units. */
function byCodePoint(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}

/** The first key behind all keys that start with `prefix`; undefined when there is none. */
export function prefixEnd(prefix: string): string | undefined {
  const points = Array.from(prefix);
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    const point = last.codePointAt(0) ?? 0;
    if (point === 0x10ffff) continue;
    const next = point === 0xd7ff ? 0xe000 : point + 1;
    return points.join('') + String.fromCodePoint(next);
  }
  return undefined;
}

/** What is empty, too long, or holds NUL or half characters cannot be a key. */
export function isKey(key: string): boolean {
  return (
    key.length > 0 && key.length <= KEY_LENGTH_MAX && key.isWellFormed() && !key.includes('\0')
  );
}

/** Throws a RangeError for what is no key. */
export function checkKey(key: string): void {
  if (!isKey(key)) throw new RangeError(`Cannot use ${JSON.stringify(key.slice(0, 100))} as a key`);
}

/** Throws a RangeError for a batch that no store takes: too large, or naming a key twice. */
export function checkWrites(writes: readonly Write[]): void {
  if (writes.length > BATCH_WRITES_MAX) {
    throw new RangeError(
      `Cannot write a batch of ${writes.length}: at most ${BATCH_WRITES_MAX} are allowed`,
    );
  }
  for (const write of writes) checkKey(write.key);
  if (writes.length > 1 && new Set(writes.map((write) => write.key)).size < writes.length) {
    throw new RangeError('Cannot write a batch that names a key twice');
  }
}
