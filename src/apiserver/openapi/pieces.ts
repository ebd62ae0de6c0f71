/** A long text as pieces of memory: joined nowhere, and told where its entries lie. */

/** About this much is one piece; a longer entry is one of its own. */
const PIECE_BYTES = 128 * 1024;

/** Bytes that are one text, one after another. */
export interface Pieces {
  readonly pieces: readonly Uint8Array[];
  readonly length: number;
}

export function singlePiece(bytes: Uint8Array): Pieces {
  return { pieces: [bytes], length: bytes.length };
}

/** Writes texts and bytes one after another. None of them is divided among pieces. */
export class PieceWriter {
  readonly #pieces: Buffer[] = [];
  #current = Buffer.alloc(0);
  #used = 0;
  #length = 0;

  /** Answers where it lies now: its piece, start and end. */
  text(text: string): { readonly piece: number; readonly start: number; readonly end: number } {
    this.#room(Buffer.byteLength(text));
    const start = this.#used;
    this.#advance(this.#current.write(text, start));
    return { piece: this.#pieces.length, start, end: this.#used };
  }

  bytes(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#current.set(bytes, this.#used);
    this.#advance(bytes.length);
  }

  result(): Pieces {
    this.#close();
    return { pieces: this.#pieces, length: this.#length };
  }

  #room(bytes: number): void {
    if (this.#used + bytes <= this.#current.length) return;
    this.#close();
    this.#current = Buffer.allocUnsafeSlow(Math.max(PIECE_BYTES, bytes));
  }

  #advance(bytes: number): void {
    this.#used += bytes;
    this.#length += bytes;
  }

  #close(): void {
    if (this.#used === 0) return;
    this.#pieces.push(this.#current.subarray(0, this.#used));
    this.#current = Buffer.alloc(0);
    this.#used = 0;
  }
}
