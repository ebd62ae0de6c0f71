/** What stands in certificates that were asked for. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import type { KeyUsage } from '#api/gen/certificates-v1.ts';
import { certificateRequest, type RequestWords } from '#kit/certificate-request.ts';
import { certificateFor } from './certificate.ts';
import { parseRequest } from './requests.ts';

const NOW_MS = Date.UTC(2030, 0, 1);

function signed(words: RequestWords, usages: KeyUsage[] = []): X509Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const request = Buffer.from(certificateRequest(words)).toString('base64');
  const spec = { request, signerName: 'kubernetes.io/legacy-unknown', usages };
  const pem = certificateFor({
    request: parseRequest({ spec }),
    spec,
    issuer: {
      name: Buffer.from('3000', 'hex'),
      publicKey,
      privateKey,
      notAfterMs: NOW_MS + 1e9,
      durationMs: 3_600_000,
    },
    serial: Buffer.from([7]),
    nowMs: NOW_MS,
  });
  return new X509Certificate(pem);
}

describe('a certificate', () => {
  it('has all the names that were asked for, of four sorts', () => {
    const certificate = signed({
      commonName: 'a',
      dnsNames: ['b'],
      emailAddresses: ['c@d'],
      addresses: ['1.2.3.4'],
      uris: ['https://e'],
    });
    const names = 'DNS:b, email:c@d, IP Address:1.2.3.4, URI:https://e';
    assert.equal(certificate.subjectAltName, names);
  });

  it('has the extended usages that were asked for, each once, in their order', () => {
    const { keyUsage } = signed({ commonName: 'a' }, [
      'netscape sgc',
      's/mime',
      'email protection',
      'any',
    ]);
    assert.deepEqual(keyUsage, ['2.5.29.37.0', '1.3.6.1.5.5.7.3.4', '2.16.840.1.113730.4.1']);
  });

  for (const [usages, bits] of [
    [['signing', 'digital signature'], '03020780'],
    [['digital signature', 'key encipherment'], '030205a0'],
    [['content commitment', 'data encipherment', 'key agreement'], '03020358'],
    [['cert sign', 'crl sign', 'encipher only'], '03020007'],
    [['decipher only'], '0303070080'],
  ] as const) {
    it(`may be used for ${usages.join(', ')}`, () => {
      const { raw } = signed({ commonName: 'a' }, [...usages]);
      assert.ok(raw.includes(Buffer.from(`0603551d0f0101ff04${lengthOf(bits)}${bits}`, 'hex')));
    });
  }

  it('lives as long as the authority signs for, when nothing else is asked', () => {
    const { validToDate } = signed({ commonName: 'a' });
    assert.equal(validToDate.getTime() - NOW_MS, 3_600_000);
  });

  it('says nothing about usages when none were asked for', () => {
    const { raw } = signed({ commonName: 'a' });
    assert.equal(raw.includes(Buffer.from('0603551d0f', 'hex')), false);
    assert.equal(raw.includes(Buffer.from('0603551d25', 'hex')), false);
  });
});

function lengthOf(hex: string): string {
  return (hex.length / 2).toString(16).padStart(2, '0');
}
