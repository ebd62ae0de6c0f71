/** The real `PrivateKeys` door: keys are found on the thread pool, for a large one takes seconds. */
import { generateKeyPair, type KeyObject } from 'node:crypto';
import type { KeyKind, PrivateKeys } from '#base/doors.ts';

export function realPrivateKeys(): PrivateKeys {
  return { make };
}

function make(kind: KeyKind): Promise<KeyObject> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, _publicKey: KeyObject, privateKey: KeyObject): void => {
      if (error === null) resolve(privateKey);
      else reject(error);
    };
    if (kind.type === 'rsa') generateKeyPair('rsa', { modulusLength: kind.bits }, done);
    else if (kind.type === 'ec') generateKeyPair('ec', { namedCurve: kind.curve }, done);
    else generateKeyPair('ed25519', {}, done);
  });
}
