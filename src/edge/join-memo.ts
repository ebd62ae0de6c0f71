/**
 * Pieces joined once for all who send the same ones: in a round of `flush-rounds.ts` the watchers of
 * a resource have the same events, and it is the same bytes that each of them is given.
 */

/** What is larger is not kept: nobody may come for it. */
const KEPT_MAX_BYTES = 256 * 1024;

export class JoinMemo {
  #pieces: readonly Uint8Array[] = [];
  #joined: Uint8Array = new Uint8Array(0);

  /** `pieces`, which nobody changes any more, as one; `size`: of them all. */
  join(pieces: readonly Uint8Array[], size: number): Uint8Array {
    const [first] = pieces;
    if (pieces.length === 1 && first !== undefined) return first;
    if (isSame(pieces, this.#pieces)) return this.#joined;
    const joined = Buffer.concat(pieces, size);
    if (size <= KEPT_MAX_BYTES) {
      this.#pieces = pieces;
      this.#joined = joined;
    }
    return joined;
  }
}

/** The very same pieces: their bytes are not looked at. */
function isSame(pieces: readonly Uint8Array[], others: readonly Uint8Array[]): boolean {
  if (pieces.length !== others.length) return false;
  for (let i = pieces.length - 1; i >= 0; i--) if (pieces[i] !== others[i]) return false;
  return true;
}
