import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { describe, it } from 'node:test';
import { forgedToken, issuerKey, signedToken, unsignedToken } from '#kit/token-issuer.ts';
import { isSignedBy, JWT_ALGORITHMS, jwtAlgorithm, parseJwt, signJwt } from './jwt.ts';

const CLAIMS = { sub: 'jane' };

function isGood(token: string, key = issuerKey('other')): boolean {
  const jwt = parseJwt(token);
  return jwt !== undefined && isSignedBy(jwt, key.publicKey);
}

describe('a token', () => {
  for (const algorithm of JWT_ALGORITHMS)
    it(`signed with ${algorithm} is good for its key alone`, () => {
      const key = issuerKey('one', algorithm);
      const token = signedToken(key, CLAIMS);
      assert.ok(isGood(token, key));
      assert.ok(!isGood(token, issuerKey('one', algorithm)));
      assert.ok(!isGood(`${token.slice(0, -8)}AAAAAAA`, key));
      const [head, , signature] = token.split('.');
      const other = Buffer.from('{"sub":"root"}').toString('base64url');
      assert.ok(!isGood(`${head}.${other}.${signature}`, key));
    });

  it('is good only by the algorithm that its key is for', () => {
    const rsa = issuerKey('one', 'RS256');
    assert.ok(!isGood(signedToken(rsa, CLAIMS, { alg: 'PS256' }), rsa));
    assert.ok(!isGood(signedToken(rsa, CLAIMS, { alg: 'RS512' }), rsa));
    const ec = issuerKey('one', 'ES256');
    assert.ok(!isGood(signedToken(ec, CLAIMS, { alg: 'ES384' }), ec));
    assert.ok(!isGood(signedToken(ec, CLAIMS, { alg: 'RS256' }), ec));
    assert.ok(!isGood(signedToken(rsa, CLAIMS, { alg: 'ES256' }), rsa));
  });

  it('without a signature, or with one by what everybody knows, is none', () => {
    const key = issuerKey('one', 'RS256');
    assert.ok(!isGood(unsignedToken(CLAIMS), key));
    assert.ok(!isGood(forgedToken(key, CLAIMS), key));
  });

  it('that is no token, or asks for more, is not read', () => {
    const key = issuerKey('one');
    const token = signedToken(key, CLAIMS);
    const [head, body, signature] = token.split('.');
    for (const text of [
      '',
      'a.b',
      `${token}.x`,
      `${head}.${body}.`,
      `${head}.${body}.${signature}=`,
      `${head}.bm8.${signature}`,
      `${head}.W10.${signature}`,
      signedToken(key, CLAIMS, { crit: ['exp'] }),
    ])
      assert.equal(parseJwt(text), undefined, text);
    assert.deepEqual(parseJwt(token)?.claims, CLAIMS);
  });

  it('is signed with the algorithm of the key', () => {
    for (const algorithm of ['ES256', 'ES384', 'ES512', 'RS256']) {
      const { privateKey, publicKey } = issuerKey('one', algorithm);
      const jwt = parseJwt(signJwt(CLAIMS, privateKey));
      assert.equal(jwt?.algorithm, algorithm);
      assert.ok(jwt !== undefined && isSignedBy(jwt, publicKey));
      // A private key checks nothing.
      assert.ok(!isSignedBy(jwt, privateKey));
    }
    const edwards = createPublicKey({
      key: { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' },
      format: 'jwk',
    });
    assert.throws(() => jwtAlgorithm(edwards), TypeError);
  });
});
