/** What is read from files that somebody writes anew while the process runs. */

/**
 * Reads now, so that what cannot be read is known at once, and again when `everyMs` have passed. What
 * cannot be read then stays what it was: it may be there again the next time, and still be good.
 */
export function reread<T>(
  read: () => T,
  everyMs: number,
  nowMs: () => number = () => Date.now(),
): () => T {
  let value = read();
  let readMs = nowMs();
  return () => {
    if (nowMs() - readMs < everyMs) return value;
    readMs = nowMs();
    try {
      value = read();
    } catch {
      // As before.
    }
    return value;
  };
}
