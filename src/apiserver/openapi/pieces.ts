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

  text(text: string): void {
    this.#room(Buffer.byteLength(text));
    this.#advance(this.#current.write(text, this.#used));
  }

  bytes(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#current.set(bytes, this.#used);
    this.#advance(bytes.length);
  }

  /** The number of the piece that was written last, and how far it is written. */
  position(): { readonly piece: number; readonly end: number } {
    return { piece: this.#pieces.length, end: this.#used };
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
