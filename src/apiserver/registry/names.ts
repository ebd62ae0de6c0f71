/** Names that the server makes up (generateName). Upstream: apiserver/pkg/storage/names. */
import type { Random } from '#base/env.ts';

const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const SUFFIX_LENGTH = 5;
const NAME_MAX = 63;

/** `base` cut to fit, and five random characters that make no words. */
export function generateName(base: string, random: Random): string {
  let suffix = '';
  for (let i = 0; i < SUFFIX_LENGTH; i++) {
    suffix += ALPHABET.charAt(Math.floor(random.next() * ALPHABET.length));
  }
  return base.slice(0, NAME_MAX - SUFFIX_LENGTH) + suffix;
}
