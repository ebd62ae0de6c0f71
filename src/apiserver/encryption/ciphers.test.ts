import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { SeededRandom } from '#base/virtual/seeded-random.ts';
import { decodeEncryptedObject, SEED_TYPE } from './kms-messages.ts';
import { aesCbc, aesGcm, type Cipher, seededAesGcm } from './ciphers.ts';
import { secretbox } from './secretbox.ts';

const random = new SeededRandom(7);
const KEY = '/registry/secrets/default/a';
const bytes = (count: number, from = 0): Uint8Array =>
  Uint8Array.from({ length: count }, (_, at) => (from + at) % 256);

const CIPHERS: readonly (readonly [string, (secret: Uint8Array) => Cipher, readonly number[]])[] = [
  ['AES-GCM', (secret) => aesGcm(secret, random), [16, 24, 32]],
  ['AES-CBC', (secret) => aesCbc(secret, random), [16, 24, 32]],
  ['secretbox', (secret) => secretbox(secret, random), [32]],
  ['AES-GCM with seed', (secret) => seededAesGcm(secret, random), [32, 48]],
];

for (const [name, make, lengths] of CIPHERS)
  describe(`${name} of values`, () => {
    for (const length of lengths)
      it(`gives back what was encrypted with ${length} bytes`, () => {
        const cipher = make(bytes(length));
        for (const size of [0, 1, 15, 16, 17, 1000, 100_000]) {
          const value = Uint8Array.from(randomBytes(size));
          const stored = cipher.encrypt(value, KEY);
          assert.deepEqual(Uint8Array.from(cipher.decrypt(stored, KEY)), value);
        }
      });

    it('never encrypts twice the same', () => {
      const cipher = make(bytes(32));
      const value = bytes(100);
      const stored = Array.from({ length: 20 }, () =>
        Buffer.from(cipher.encrypt(value, KEY)).toString('hex'),
      );
      assert.equal(new Set(stored).size, 20);
    });

    it('refuses what is too short', () => {
      const cipher = make(bytes(32));
      assert.throws(() => cipher.decrypt(bytes(11), KEY), /shorter than the required size/);
    });

    it('does not read what another key has encrypted', () => {
      const stored = make(bytes(32)).encrypt(bytes(100), KEY);
      let read: Uint8Array | undefined;
      try {
        read = make(bytes(32, 1)).decrypt(stored, KEY);
      } catch {
        return;
      }
      // CBC cannot know, but for one in 256 paddings.
      assert.notDeepEqual(Uint8Array.from(read), bytes(100));
    });
  });

describe('values that somebody has changed', () => {
  for (const [name, make] of CIPHERS.filter(([of]) => of !== 'AES-CBC'))
    it(`are refused: ${name}`, () => {
      const cipher = make(bytes(32));
      const stored = Uint8Array.from(cipher.encrypt(bytes(40), KEY));
      for (let at = 0; at < stored.length; at++) {
        const changed = stored.map((byte, i) => (i === at ? byte ^ 1 : byte));
        assert.throws(() => cipher.decrypt(changed, KEY), Error, `byte ${at}`);
      }
    });

  for (const [name, make] of CIPHERS.filter(([of]) => of.startsWith('AES-GCM')))
    it(`are refused under another key of the store: ${name}`, () => {
      const cipher = make(bytes(32));
      const stored = cipher.encrypt(bytes(40), KEY);
      assert.throws(() => cipher.decrypt(stored, '/registry/secrets/default/b'), {
        message: 'cipher: message authentication failed',
      });
    });

  it('are refused by AES-CBC where the padding shows it', () => {
    const cipher = aesCbc(bytes(32), random);
    const stored = cipher.encrypt(bytes(16), KEY);
    assert.throws(() => cipher.decrypt(stored.subarray(0, 16), KEY), /empty or not padded/);
    assert.throws(() => cipher.decrypt(stored.subarray(0, 30), KEY), /multiple of the block size/);
  });
});

/** Written by upstream's kube-apiserver libraries (v0.36.2) with the secret 0, 1, 2 … 31. */
const UPSTREAM = {
  'AES-GCM': 'M91y98qu/MtGL34+QpeE5iAN9w8YCVLNjwPGm/zZnOGry7Y6p8P8xgXWZxpJS6X1f1LGfps20/HS5uzx0Mc5',
  'AES-CBC':
    'Aagtuvel6S30fTi9rnJgK0unkjIxNc2PTmQ+QOPn3fTBtVHfJy4t1m6bZKwBP0YnMGRJeq4o8FSpHmMLIZofXg==',
  secretbox:
    'CHV+U3P6RVhmtmpM+B6BkQ7vbkkSFh8rdaUpxgH3xowbR0gcoqLuAijQ6scCpFlDVN32QPMNZdYm+OplvDYz/4IcxojInglU7WLw',
  'AES-GCM with seed':
    'OekTaFoU5wgLiKraVnj9QC1a9WgRL1FDYIaOrBsVd8dMhV/vBwfDQWL0MljcFjvSdF/uCmFgWe99fYgVQvurqeTs2TiFCoqNmVUKlbdubpd4oekTwcHOSuLDJsUzIt0=',
} as const;

describe("values that upstream's API server has encrypted", () => {
  for (const [name, make] of CIPHERS)
    it(`are read: ${name}`, () => {
      const stored = Buffer.from(UPSTREAM[name as keyof typeof UPSTREAM], 'base64');
      const value = make(bytes(32)).decrypt(stored, KEY);
      assert.equal(Buffer.from(value).toString(), '{"kind":"Secret","apiVersion":"v1"}');
    });

  it('are read: of a key service', () => {
    const { source, data } = decodeEncryptedObject(
      Buffer.from(
        'Cl+ecq9bicBXRwIT1rydozdORKzSts7XteZU15fwyOtVNh2Y9J4a0pWCGwRM/EiuaBQ5sMCf0WWnOzPbKeTbBmTVTLvKZXQnFjTwf6t9IsqFcwqb/Oa3sydsIzeMV0ZQnxIFa2V5LTEaBnNvdXJjZSIZChF3aGVyZS5leGFtcGxlLmNvbRIEaGVyZSgB',
        'base64',
      ),
    );
    const { keyId, encrypted, annotations, type } = source;
    assert.deepEqual(
      [keyId, Buffer.from(encrypted).toString(), type],
      ['key-1', 'source', SEED_TYPE],
    );
    assert.equal(Buffer.from(annotations['where.example.com'] ?? []).toString(), 'here');
    const value = seededAesGcm(bytes(32), random).decrypt(data, KEY);
    assert.equal(Buffer.from(value).toString(), '{"kind":"Secret","apiVersion":"v1"}');
  });
});
