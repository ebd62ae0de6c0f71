/** Private keys in virtual time: nothing completes on the thread pool. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { KeyKind, PrivateKeys } from '#base/doors.ts';

/** New keys. `asked`: gets what kinds were wanted. */
export function quickKeys(asked: KeyKind[] = []): PrivateKeys {
  return {
    make: async (kind) => {
      asked.push(kind);
      return privateKey(kind);
    },
  };
}

function privateKey(kind: KeyKind): KeyObject {
  if (kind.type === 'rsa')
    return generateKeyPairSync('rsa', { modulusLength: kind.bits }).privateKey;
  if (kind.type === 'ec') return generateKeyPairSync('ec', { namedCurve: kind.curve }).privateKey;
  return generateKeyPairSync('ed25519').privateKey;
}
