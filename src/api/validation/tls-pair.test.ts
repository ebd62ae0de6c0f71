import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, it } from 'node:test';
import { createCertificate } from '#base/x509.ts';
import { keyPairProblem } from './tls-pair.ts';

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const authority = { name: { commonName: 'a' }, ...ec };

const certificateOf = (publicKey: KeyObject): string =>
  createCertificate({
    subject: { commonName: 'a' },
    publicKey,
    issuer: authority,
    serial: Buffer.from('01', 'hex'),
    notBeforeMs: Date.UTC(2026, 0, 1),
    notAfterMs: Date.UTC(2036, 0, 1),
    uses: ['server'],
  });
const pem = (key: KeyObject, type: 'pkcs8' | 'sec1' | 'pkcs1' = 'pkcs8'): string =>
  key.export({ type, format: 'pem' }).toString();
const problem = (certificate: string, key: string): string | undefined =>
  keyPairProblem(Buffer.from(certificate), Buffer.from(key));

const GOOD = certificateOf(ec.publicKey);
const KEY = pem(ec.privateKey);

describe('keyPairProblem()', () => {
  it('is none for a pair, in each form of the key, whatever stands around it', () => {
    assert.equal(problem(GOOD, KEY), undefined);
    assert.equal(problem(GOOD, pem(ec.privateKey, 'sec1')), undefined);
    assert.equal(problem(certificateOf(rsa.publicKey), pem(rsa.privateKey, 'pkcs1')), undefined);
    assert.equal(problem(`# a comment\n${GOOD}${GOOD}`, `${GOOD}\n${KEY}`), undefined);
  });

  const REFUSALS: readonly (readonly [
    name: string,
    certificate: string,
    key: string,
    is: string,
  ])[] = [
    ['no PEM', 'x', KEY, 'tls: failed to find any PEM data in certificate input'],
    ['no PEM as key', GOOD, '', 'tls: failed to find any PEM data in key input'],
    [
      'both the wrong way round',
      KEY,
      GOOD,
      'tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched',
    ],
    [
      'a certificate for a key',
      GOOD,
      GOOD,
      'tls: found a certificate rather than a key in the PEM for the private key',
    ],
    [
      'two other blocks',
      `${KEY}${pem(rsa.privateKey, 'pkcs1')}`,
      KEY,
      'tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the following types: [PRIVATE KEY RSA PRIVATE KEY]',
    ],
    [
      'two certificates for a key',
      GOOD,
      GOOD + GOOD,
      'tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM blocks of the following types: [CERTIFICATE CERTIFICATE]',
    ],
    [
      'a certificate that is none',
      '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
      KEY,
      'x509: malformed certificate',
    ],
    [
      'a key that is none',
      GOOD,
      '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n',
      'tls: failed to parse private key',
    ],
    [
      'a key of another type',
      GOOD,
      pem(rsa.privateKey),
      'tls: private key type does not match public key type',
    ],
    [
      'another key',
      GOOD,
      pem(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
      'tls: private key does not match public key',
    ],
  ];
  for (const [name, certificate, key, is] of REFUSALS)
    it(`tells of ${name}`, () => assert.equal(problem(certificate, key), is));
});
