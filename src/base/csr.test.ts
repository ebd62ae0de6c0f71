import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, it } from 'node:test';
import { checkRequestSignature, requestSubject } from './csr.ts';
import * as der from './der.ts';

const lines = (...body: string[]): string =>
  ['-----BEGIN CERTIFICATE REQUEST-----', ...body, '-----END CERTIFICATE REQUEST-----'].join('\n');

// openssl req -new -newkey ed25519 -subj '/O=system:masters/CN=joe'
const REQUEST = lines(
  'MIGmMFoCAQAwJzEXMBUGA1UECgwOc3lzdGVtOm1hc3RlcnMxDDAKBgNVBAMMA2pv',
  'ZTAqMAUGAytlcAMhAM6wCSDLlEVFBNIGM5tBfSwYQXvYLKsh/YY2G7PMUCuWoAAw',
  'BQYDK2VwA0EAlQykxbZKtgMp9aoI0NqxRchwAKTboOK8QHygFKig+P7JunmQawOk',
  'E5zJ9rI1+jJPQErYgfCN5m0FdbkUsZbEDw==',
);

describe('requestSubject', () => {
  it('reads common name and organizations', () => {
    assert.deepEqual(requestSubject(REQUEST), {
      commonName: 'joe',
      organizations: ['system:masters'],
    });
  });
  it('refuses what is no request', () => {
    assert.throws(() => requestSubject('x'), /PEM block type must be CERTIFICATE REQUEST/);
    assert.throws(() => requestSubject(lines('MIGm')), /truncated data/);
    assert.throws(() => requestSubject(lines('AgEA')), /malformed certificate request/);
  });
});

// openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -sha256 -subj /CN=a
const BY_CURVE = lines(
  'MIHFMG4CAQAwDDEKMAgGA1UEAwwBYTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IA',
  'BFE4ehljsSnfT/iC7EGQl7aKGHhT0RvA96/Z39/LFV0I/dut7mSBIfK6X5+1OlG6',
  '3fjEbxxN9OolL4ZhTpRf55KgADAKBggqhkjOPQQDAgNHADBEAiBFKe19H1STaYev',
  'D3jpdc8GfEaRbiYfvvU8n5JLsrKZHgIgMwCd+4/n6uTG2oXhRcslZMqnKY25k7Y3',
  'pPVmdAmbn+Q=',
);

/** The same request for another name. */
function renamed(request: string): string {
  const der = Buffer.from(request.split('\n').slice(1, -1).join(''), 'base64');
  const at = der.indexOf(Buffer.from('550403', 'hex')) + 5;
  der[at] = (der[at] ?? 0) ^ 1;
  return lines(der.toString('base64'));
}

describe('checkRequestSignature', () => {
  it('takes what the key itself has signed', () => {
    checkRequestSignature(REQUEST);
    checkRequestSignature(BY_CURVE);
  });
  it('refuses what was changed after that', () => {
    assert.throws(() => checkRequestSignature(renamed(REQUEST)), /Ed25519 verification failure/);
    assert.throws(() => checkRequestSignature(renamed(BY_CURVE)), /ECDSA verification failure/);
  });
  it('refuses a signature of another kind than the key', () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const info = der.sequence(
      der.unsigned(Buffer.from([0])),
      der.sequence(),
      publicKey.export({ type: 'spki', format: 'der' }),
      der.explicit(0),
    );
    const ecdsa = der.sequence(der.oid('1.2.840.10045.4.3.2'));
    const signature = der.bitString(sign('sha256', info, privateKey));
    assert.throws(
      () => checkRequestSignature(der.sequence(info, ecdsa, signature)),
      /^Error: x509: signature algorithm specifies an ECDSA public key, but have public key of type \*rsa.PublicKey$/,
    );
  });
});
