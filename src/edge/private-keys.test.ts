import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { realPrivateKeys } from './private-keys.ts';

describe('private keys', () => {
  const keys = realPrivateKeys();

  it('are of the kind that is asked for', async () => {
    const rsa = await keys.make({ type: 'rsa', bits: 2048 });
    assert.deepEqual([rsa.type, rsa.asymmetricKeyType], ['private', 'rsa']);
    assert.equal(rsa.asymmetricKeyDetails?.modulusLength, 2048);
    const ec = await keys.make({ type: 'ec', curve: 'P-521' });
    assert.equal(ec.asymmetricKeyDetails?.namedCurve, 'secp521r1');
    assert.equal((await keys.make({ type: 'ed25519' })).asymmetricKeyType, 'ed25519');
  });

  it('are new at each call', async () => {
    const [one, other] = [
      await keys.make({ type: 'ed25519' }),
      await keys.make({ type: 'ed25519' }),
    ];
    assert.equal(one.equals(other), false);
  });

  it('are not made of a curve that nobody knows', async () => {
    await assert.rejects(async () => keys.make({ type: 'ec', curve: 'P-1' }), /curve/i);
  });
});
