/** Reads the elements of DER (X.690). `der.ts` writes them. */

export interface Element {
  readonly tag: number;
  readonly content: Buffer;
}

/** The elements that lie one behind the other in `bytes`. Throws an Error when one is cut off. */
export function elements(bytes: Buffer): Element[] {
  const found: Element[] = [];
  let at = 0;
  while (at < bytes.length) {
    const tag = bytes[at++] ?? 0;
    let length = bytes[at++];
    // Without a length, up to a mark: that is no DER.
    if (length === undefined || length === 0x80) throw new Error('truncated data');
    if (length > 0x80) {
      const count = length & 0x7f;
      if (count > 4 || at + count > bytes.length) throw new Error('malformed length');
      length = bytes.readUIntBE(at, count);
      at += count;
    }
    if (at + length > bytes.length) throw new Error('truncated data');
    found.push({ tag, content: bytes.subarray(at, at + length) });
    at += length;
  }
  return found;
}
