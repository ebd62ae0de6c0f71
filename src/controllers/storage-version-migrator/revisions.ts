/**
 * The order of resource versions, of which a migration asks what is older than its start.
 *
 * Source: KEP-5504 (comparable resource versions); upstream
 * apimachinery/pkg/util/resourceversion/resourceversion.go.
 */

/** The server of a resource gives versions that have no order. */
export class MalformedRevisionError extends Error {
  override readonly name = 'MalformedRevisionError';

  constructor(revision: string) {
    super(`resource version is not well formed: ${revision}`);
  }
}

const WELL_FORMED = /^[1-9][0-9]*$/;

/** Below 0 when `left` is the older one. Throws MalformedRevisionError. */
export function compareRevisions(left: string, right: string): number {
  for (const revision of [left, right])
    if (!WELL_FORMED.test(revision)) throw new MalformedRevisionError(revision);
  if (left.length !== right.length) return left.length - right.length;
  return left < right ? -1 : Number(left > right);
}
