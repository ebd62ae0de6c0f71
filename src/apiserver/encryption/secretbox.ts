/**
 * NaCl's secretbox: a module of its own, which is loaded where encryption is configured: others start without its library.
 *
 * Source: upstream apiserver/pkg/storage/value/encrypt/secretbox.
 */
import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js';
import { type Cipher, joined, type RandomBytes, TOO_SHORT } from './ciphers.ts';

const SECRETBOX_NONCE = 24;
const SECRETBOX_TAG = 16;

/** NaCl's secretbox (XSalsa20 and Poly1305) with a random nonce in front. `secret`: 32 bytes. */
export function secretbox(secret: Uint8Array, random: RandomBytes): Cipher {
  return {
    encrypt(value) {
      const nonce = random.bytes(SECRETBOX_NONCE);
      return joined([nonce, xsalsa20poly1305(secret, nonce).encrypt(value)]);
    },
    decrypt(stored) {
      if (stored.length < SECRETBOX_NONCE + SECRETBOX_TAG) throw new Error(TOO_SHORT);
      // The library takes no views of Node's own kind of bytes.
      const nonce = Uint8Array.from(stored.subarray(0, SECRETBOX_NONCE));
      try {
        const box = Uint8Array.from(stored.subarray(SECRETBOX_NONCE));
        return xsalsa20poly1305(secret, nonce).decrypt(box);
      } catch (error) {
        // Upstream's words; the key is another one, or the data was changed.
        throw new Error('output array was not large enough for encryption', { cause: error });
      }
    },
  };
}
