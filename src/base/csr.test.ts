import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { requestSubject } from './csr.ts';

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
