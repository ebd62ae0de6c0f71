import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { POD_CERTIFICATE_REQUEST } from '#api/certificates/pod-certificate-request.ts';
import { createErrors } from '#api/kind-test-kit.ts';
import { createPublicKey } from 'node:crypto';
import { requestKey } from '#base/csr.ts';
import { quickKeys } from '#kit/kubelet/quick-keys.ts';
import { keyKindOf, podCertificateRequest } from './pod-certificate-order.ts';

const POD = {
  metadata: { name: 'p', namespace: 'default', uid: 'u' },
  spec: { containers: [], serviceAccountName: 'default' },
};

const orderOf = (keyType: string) => ({
  pod: POD,
  source: { signerName: 'example.com/a', keyType, maxExpirationSeconds: 3600 },
  serviceAccountUid: 's',
  node: { name: 'n1', uid: 'n' },
});

describe('a request for a certificate of a pod', () => {
  for (const keyType of ['ECDSAP256', 'ECDSAP384', 'ECDSAP521', 'ED25519', 'RSA3072'])
    it(`is one that the API takes, with a key of ${keyType}`, async () => {
      const key = await quickKeys().make(keyKindOf(keyType));
      const request = podCertificateRequest(orderOf(keyType), key);
      assert.deepEqual(createErrors(POD_CERTIFICATE_REQUEST, request), []);
      const stub = Buffer.from(request.spec?.stubPKCS10Request ?? '', 'base64');
      assert.ok(requestKey(stub)?.equals(createPublicKey(key)));
      // Version 0, and a subject of no names.
      assert.deepEqual(stub.subarray(stub.indexOf(Buffer.from('020100', 'hex')) + 3)[1], 0);
    });

  it('is for a key of the kind that its name says, and of no other', () => {
    const TABLE = [
      ['RSA3072', { type: 'rsa', bits: 3072 }],
      ['RSA4096', { type: 'rsa', bits: 4096 }],
      ['ECDSAP256', { type: 'ec', curve: 'P-256' }],
      ['ECDSAP384', { type: 'ec', curve: 'P-384' }],
      ['ECDSAP521', { type: 'ec', curve: 'P-521' }],
      ['ED25519', { type: 'ed25519' }],
    ] as const;
    for (const [name, kind] of TABLE) assert.deepEqual(keyKindOf(name), kind);
    for (const name of ['RSA2048', 'toString', ''])
      assert.throws(() => keyKindOf(name), { message: `unknown key type "${name}"` });
  });
});
