/** FNV-1a, 32 bits: a short fingerprint of a text. Not for secrets. Source: draft-eastlake-fnv. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

const WORD = 2 ** 32;

/** FNV-1a, 128 bits, as 32 hexadecimal digits. Not for secrets. Source: draft-eastlake-fnv. */
export function fnv1a128(text: string): string {
  // The hash in words of 32 bits, the lowest first. The prime is 2^88 + 0x13b.
  let a = 0x6295c58d;
  let b = 0x62b82175;
  let c = 0x07bb0142;
  let d = 0x6c62272e;
  for (const byte of Buffer.from(text)) {
    a = (a ^ byte) >>> 0;
    const a1 = a * 0x13b;
    const b1 = b * 0x13b + Math.floor(a1 / WORD);
    const c1 = c * 0x13b + Math.floor(b1 / WORD) + ((a << 24) >>> 0);
    const d1 = d * 0x13b + Math.floor(c1 / WORD) + ((b << 24) >>> 0) + (a >>> 8);
    [a, b, c, d] = [a1 % WORD, b1 % WORD, c1 % WORD, d1 % WORD];
  }
  return [d, c, b, a].map((word) => word.toString(16).padStart(8, '0')).join('');
}
