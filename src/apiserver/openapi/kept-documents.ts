/** Documents that have been made, as long as there is room for them. */
import type { Pieces } from './pieces.ts';

/** Together; the one that was asked for longest ago goes first. */
const KEPT_BYTES_MAX = 48 * 1024 * 1024;

interface Kept {
  readonly hash: string;
  readonly bytes: Promise<Pieces>;
  /** Of the bytes; zero until they are there. */
  length: number;
}

export class KeptDocuments {
  readonly #maxBytes: number;
  /** By path and form, the newest use last. */
  readonly #documents = new Map<string, Kept>();

  constructor(maxBytes = KEPT_BYTES_MAX) {
    this.#maxBytes = maxBytes;
  }

  /** The document of `path` in the form `media`; another `hash` than the last makes it anew. */
  get(
    { path, hash, media }: { readonly path: string; readonly hash: string; readonly media: string },
    make: () => Promise<Pieces>,
  ): Promise<Pieces> {
    const key = `${path} ${media}`;
    const known = this.#documents.get(key);
    this.#documents.delete(key);
    const kept = known?.hash === hash ? known : { hash, bytes: make(), length: 0 };
    this.#documents.set(key, kept);
    if (kept !== known) this.#watch(key, kept);
    return kept.bytes;
  }

  /** Forgets the documents of paths that are not among `paths`. */
  retain(paths: ReadonlyMap<string, unknown>): void {
    for (const key of this.#documents.keys())
      if (!paths.has(key.split(' ')[0] ?? '')) this.#documents.delete(key);
  }

  #watch(key: string, kept: Kept): void {
    kept.bytes.then(
      ({ length }) => {
        kept.length = length;
        this.#trim(kept);
      },
      () => {
        if (this.#documents.get(key) === kept) this.#documents.delete(key);
      },
    );
  }

  #trim(newest: Kept): void {
    let total = this.#documents.values().reduce((sum, { length }) => sum + length, 0);
    for (const [key, kept] of this.#documents) {
      if (total <= this.#maxBytes) return;
      if (kept === newest) continue;
      this.#documents.delete(key);
      total -= kept.length;
    }
  }
}
