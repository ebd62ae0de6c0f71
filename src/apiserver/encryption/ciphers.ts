/**
 * How a value is encrypted in the store, byte for byte as upstream does it, so that both read what
 * the other has written.
 *
 * Source: upstream apiserver/pkg/storage/value/encrypt/aes.
 */
import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import type { Random } from '#base/env.ts';

/** `key`: the key in the store. Both throw an error that says why. */
export interface Cipher {
  encrypt(value: Uint8Array, key: string): Uint8Array;
  decrypt(stored: Uint8Array, key: string): Uint8Array;
}

export type RandomBytes = Pick<Random, 'bytes'>;

const GCM_NONCE = 12;
const GCM_TAG = 16;
const CBC_BLOCK = 16;
const SEED_INFO = 32;

export const TOO_SHORT = 'the stored data was shorter than the required size';

/**
 * AES-GCM with a random nonce in front, bound to the key in the store. `secret`: 16, 24 or 32
 * bytes.
 */
export function aesGcm(secret: Uint8Array, random: RandomBytes): Cipher {
  const algorithm = `aes-${secret.length * 8}-gcm` as 'aes-256-gcm';
  return {
    encrypt(value, key) {
      const nonce = random.bytes(GCM_NONCE);
      const cipher = createCipheriv(algorithm, secret, nonce).setAAD(Buffer.from(key));
      return joined([nonce, cipher.update(value), cipher.final(), cipher.getAuthTag()]);
    },
    decrypt(stored, key) {
      if (stored.length < GCM_NONCE) throw new Error(TOO_SHORT);
      const end = stored.length - GCM_TAG;
      if (end < GCM_NONCE) throw new Error(FORGED);
      const cipher = createDecipheriv(algorithm, secret, stored.subarray(0, GCM_NONCE))
        .setAAD(Buffer.from(key))
        .setAuthTag(stored.subarray(end));
      const value = cipher.update(stored.subarray(GCM_NONCE, end));
      try {
        cipher.final();
      } catch (error) {
        throw new Error(FORGED, { cause: error });
      }
      return value;
    },
  };
}

const FORGED = 'cipher: message authentication failed';

/** AES-CBC with a random block in front and PKCS #7 padding. It proves nothing about who wrote. */
export function aesCbc(secret: Uint8Array, random: RandomBytes): Cipher {
  const algorithm = `aes-${secret.length * 8}-cbc`;
  return {
    encrypt(value) {
      const first = random.bytes(CBC_BLOCK);
      const cipher = createCipheriv(algorithm, secret, first);
      return joined([first, cipher.update(value), cipher.final()]);
    },
    decrypt(stored) {
      if (stored.length < CBC_BLOCK) throw new Error(TOO_SHORT);
      if (stored.length % CBC_BLOCK !== 0)
        throw new Error('the stored data is not a multiple of the block size');
      if (stored.length === CBC_BLOCK) throw new Error('invalid PKCS7 data (empty or not padded)');
      const cipher = createDecipheriv(algorithm, secret, stored.subarray(0, CBC_BLOCK));
      try {
        return joined([cipher.update(stored.subarray(CBC_BLOCK)), cipher.final()]);
      } catch (error) {
        throw new Error('invalid padding on input', { cause: error });
      }
    },
  };
}

/**
 * AES-GCM with a key of its own for each write: HKDF (RFC 5869, SHA-256, the second step alone) of
 * `seed` and 32 random bytes, which stand in front. `seed`: at least 32 bytes.
 */
export function seededAesGcm(seed: Uint8Array, random: RandomBytes): Cipher {
  // One block of the hash is one key, so the first round is all that the function has to do.
  const derived = (info: Uint8Array): Uint8Array =>
    createHmac('sha256', seed).update(info).update(Uint8Array.of(1)).digest();
  return {
    encrypt(value, key) {
      const info = random.bytes(SEED_INFO);
      return joined([info, aesGcm(derived(info), random).encrypt(value, key)]);
    },
    decrypt(stored, key) {
      if (stored.length < SEED_INFO) throw new Error(TOO_SHORT);
      const secret = derived(stored.subarray(0, SEED_INFO));
      return aesGcm(secret, random).decrypt(stored.subarray(SEED_INFO), key);
    },
  };
}

/** In memory of its own: what is kept for long must not keep a block that others had a share of. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = Buffer.allocUnsafeSlow(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return (
    bytes.length >= prefix.length && Buffer.compare(bytes.subarray(0, prefix.length), prefix) === 0
  );
}
