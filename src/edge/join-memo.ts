/**
 * Pieces joined once for all who send the same ones: in a round of `flush-rounds.ts` the watchers of
 * a resource have the same events, and it is the same bytes that each of them is given.
 */

/** What is larger is not kept: nobody may come for it. */
const KEPT_MAX_BYTES = 256 * 1024;

/** `pieces` as one; `size`: of them all. */
export type Join = (pieces: readonly Uint8Array[], size: number) => Uint8Array;

/** As they are. */
export const whole: Join = (pieces, size) => {
  const [first] = pieces;
  return pieces.length === 1 && first !== undefined ? first : Buffer.concat(pieces, size);
};

/** As a chunk of HTTP/1.1 (RFC 9112, 7.1). Not for nothing: an empty chunk is the end. */
export const chunked: Join = (pieces, size) => {
  const head = Buffer.from(`${size.toString(16)}\r\n`, 'latin1');
  return Buffer.concat([head, ...pieces, LINE_END], head.length + size + LINE_END.length);
};
const LINE_END = Buffer.from('\r\n');

export class JoinMemo {
  readonly #join: Join;
  #pieces: readonly Uint8Array[] = [];
  #joined: Uint8Array = new Uint8Array(0);

  constructor(join: Join) {
    this.#join = join;
  }

  /** `pieces`, which nobody changes any more, as one; `size`: of them all. */
  join(pieces: readonly Uint8Array[], size: number): Uint8Array {
    if (isSame(pieces, this.#pieces)) return this.#joined;
    const joined = this.#join(pieces, size);
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
