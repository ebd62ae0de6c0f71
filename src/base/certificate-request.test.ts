import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { oracle } from '#kit/x509-oracle.ts';
import { createCertificateRequest } from './certificate-request.ts';
import { checkRequestSignature, requestContent, requestSubject } from './csr.ts';

const SUBJECT = { commonName: 'system:node:n1', organizations: ['system:nodes'] };

const keys = {
  'EC P-256': () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'EC P-384': () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  'EC P-521': () => generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  Ed25519: () => generateKeyPairSync('ed25519'),
  RSA: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
};

describe('a certificate signing request', () => {
  for (const [name, generate] of Object.entries(keys)) {
    it(`with a key of ${name} is signed by it, and read by others`, async () => {
      const pem = createCertificateRequest({
        subject: SUBJECT,
        ...generate(),
        dnsNames: ['n1'],
        addresses: ['192.0.2.1', '2001:db8::1'],
      });
      checkRequestSignature(pem);
      const other = new oracle.Pkcs10CertificateRequest(pem);
      assert.equal(await other.verify(), true);
      assert.equal(other.subject, 'O=system:nodes, CN=system:node:n1');
      const extension = other.getExtension('2.5.29.17');
      assert.ok(extension instanceof oracle.SubjectAlternativeNameExtension);
      const names = extension.names.toJSON();
      assert.deepEqual(names, [
        { type: 'dns', value: 'n1' },
        { type: 'ip', value: '192.0.2.1' },
        { type: 'ip', value: '2001:db8::1' },
      ]);
    });
  }

  it('says no more than was asked for', () => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = createCertificateRequest({ subject: SUBJECT, ...pair });
    assert.deepEqual(requestSubject(pem), SUBJECT);
    const content = requestContent(pem);
    assert.deepEqual([content.dnsNames, content.addresses], [[], []]);
    assert.ok(content.publicKey.equals(pair.publicKey));
  });
});
