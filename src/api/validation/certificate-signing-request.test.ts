import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CertificateSigningRequest } from '#api/gen/certificates-v1.ts';
import { CERTIFICATE_SIGNING_REQUEST } from '../certificates/certificate-signing-request.ts';
import { changed, CONTEXT, createErrors, created, decoded } from '../kind-test-kit.ts';

// openssl req -new -newkey ed25519 -subj '/O=system:masters/CN=joe'
const PEM = `-----BEGIN CERTIFICATE REQUEST-----
MIGmMFoCAQAwJzEXMBUGA1UECgwOc3lzdGVtOm1hc3RlcnMxDDAKBgNVBAMMA2pv
ZTAqMAUGAytlcAMhAM6wCSDLlEVFBNIGM5tBfSwYQXvYLKsh/YY2G7PMUCuWoAAw
BQYDK2VwA0EAlQykxbZKtgMp9aoI0NqxRchwAKTboOK8QHygFKig+P7JunmQawOk
E5zJ9rI1+jJPQErYgfCN5m0FdbkUsZbEDw==
-----END CERTIFICATE REQUEST-----
`;

const REQUEST: CertificateSigningRequest = {
  metadata: { name: 'joe' },
  spec: {
    request: Buffer.from(PEM).toString('base64'),
    signerName: 'kubernetes.io/kube-apiserver-client',
    usages: ['client auth'],
  },
};

const errors = (path: string, value: unknown): string[] =>
  createErrors(CERTIFICATE_SIGNING_REQUEST, changed(REQUEST, path, value));

describe('a new CertificateSigningRequest', () => {
  it('is fine as it is', () => {
    assert.deepEqual(createErrors(CERTIFICATE_SIGNING_REQUEST, REQUEST), []);
  });

  it('says who asks, whatever the object says', () => {
    const claimed = changed(REQUEST, 'spec.username', 'system:admin');
    const { spec } = created(CERTIFICATE_SIGNING_REQUEST, claimed);
    assert.equal(spec?.username, CONTEXT.user.name);
    assert.deepEqual(spec?.groups, CONTEXT.user.groups);
  });

  it('has a request in PEM', () => {
    assert.match(
      errors('spec.request', 'eA==')[0] ?? '',
      /: PEM block type must be CERTIFICATE REQUEST$/,
    );
  });

  it('has known usages, each once', () => {
    assert.deepEqual(errors('spec.usages', []), ['spec.usages: Required value']);
    assert.match(
      errors('spec.usages', ['odd'])[0] ?? '',
      /^spec\.usages\[0\]: Unsupported value: "odd": /,
    );
    assert.deepEqual(errors('spec.usages', ['any', 'any']), [
      'spec.usages[1]: Duplicate value: "any"',
    ]);
  });

  it('names its signer', () => {
    const TABLE: readonly (readonly [string, string])[] = [
      ['', 'spec.signerName: Required value'],
      [
        'signer',
        'spec.signerName: Invalid value: "signer": must be a fully qualified domain and path of the form \'example.com/signer-name\'',
      ],
      [
        'domain/signer',
        'spec.signerName: Invalid value: "domain": should be a domain with at least two segments separated by dots',
      ],
      [
        'kubernetes.io/legacy-unknown',
        'spec.signerName: Invalid value: "kubernetes.io/legacy-unknown": the legacy signerName is not allowed via this API version',
      ],
    ];
    for (const [name, message] of TABLE)
      assert.deepEqual(errors('spec.signerName', name), [message]);
  });

  it('asks for ten minutes at least', () => {
    assert.deepEqual(errors('spec.expirationSeconds', 1), [
      'spec.expirationSeconds: Invalid value: 1: may not specify a duration less than 600 seconds (10 minutes)',
    ]);
  });
});

describe('the approval of a CertificateSigningRequest', () => {
  const [approval] = CERTIFICATE_SIGNING_REQUEST.views ?? [];
  const stored = created(CERTIFICATE_SIGNING_REQUEST, REQUEST);
  const approve = (...types: string[]): CertificateSigningRequest => ({
    ...decoded(CERTIFICATE_SIGNING_REQUEST, stored),
    status: { conditions: types.map((type) => ({ type, status: 'True' })) },
  });

  it('adds a condition with its times', () => {
    const next = approve('Approved');
    approval?.keep(next, stored, CONTEXT);
    assert.deepEqual(approval?.validate?.(next, stored), []);
    assert.equal(next.status?.conditions?.[0]?.lastUpdateTime, '2026-01-02T03:04:05Z');
  });

  it('does not approve and deny at once', () => {
    assert.deepEqual(
      approval?.validate?.(approve('Approved', 'Denied'), stored).map((error) => error.text()),
      [
        'status.conditions: Invalid value: "Denied": Approved and Denied conditions are mutually exclusive',
      ],
    );
  });

  it('takes nothing back', () => {
    const old = approve('Approved');
    assert.deepEqual(
      approval?.validate?.(stored, old).map((error) => error.text()),
      ['status.conditions: Forbidden: updates may not remove a condition of type "Approved"'],
    );
  });

  it('is no part of a status update', () => {
    const errorsOf =
      CERTIFICATE_SIGNING_REQUEST.validateStatus?.(approve('Approved'), stored, CONTEXT) ?? [];
    assert.deepEqual(
      errorsOf.map((error) => error.text()),
      ['status.conditions: Forbidden: updates may not add a condition of type "Approved"'],
    );
  });

  it('sets no certificate', () => {
    const next = changed(stored, 'status.certificate', Buffer.from('x').toString('base64'));
    assert.deepEqual(
      approval?.validate?.(next, stored).map((error) => error.text()),
      [
        'status.certificate: Invalid value: "<certificate data>": must contain at least one CERTIFICATE PEM block',
        'status.certificate: Forbidden: updates may not set certificate content',
      ],
    );
  });
});
