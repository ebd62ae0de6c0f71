import assert from 'node:assert/strict';
import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describe, it } from 'node:test';
import type { PodCertificateRequest } from '#api/gen/certificates-v1beta1.ts';
import { createCertificateRequest } from '#base/certificate-request.ts';
import { pemBlocks } from '#base/pem.ts';
import { type CertificateOptions, createCertificate, toPem } from '#base/x509.ts';
import { ago, changed, createErrors, created, NOW, statusErrors } from '../kind-test-kit.ts';
import { POD_CERTIFICATE_REQUEST } from './pod-certificate-request.ts';

interface Pair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

const HOUR_SECONDS = 3600;
const UID = 'uid-of-the-pod';
const CURVE = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const SMALL_CURVE = generateKeyPairSync('ec', { namedCurve: 'P-224' });
const RSA = generateKeyPairSync('rsa', { modulusLength: 3072 });
const SMALL_RSA = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ED25519 = generateKeyPairSync('ed25519');
const X25519 = generateKeyPairSync('x25519');

function stubOf(pair: Pair): Buffer {
  const text = createCertificateRequest({ subject: { commonName: '' }, ...pair });
  return pemBlocks(text)[0]?.der ?? Buffer.alloc(0);
}

const STUB = stubOf(CURVE);

const REQUEST: PodCertificateRequest = {
  metadata: { name: 'one', namespace: 'default' },
  spec: {
    signerName: 'example.com/signer',
    podName: 'pod',
    podUID: UID,
    serviceAccountName: 'default',
    serviceAccountUID: 'uid-of-the-account',
    nodeName: 'node-1',
    nodeUID: 'uid-of-the-node',
    pkixPublicKey: '',
    proofOfPossession: '',
    stubPKCS10Request: STUB.toString('base64'),
  },
};

const errors = (path: string, value: unknown): string[] =>
  createErrors(POD_CERTIFICATE_REQUEST, changed(REQUEST, path, value));

describe('the stub request of a new PodCertificateRequest', () => {
  const of = (bytes: Buffer): string[] =>
    errors('spec.stubPKCS10Request', bytes.toString('base64'));

  it('is fine for the keys that are allowed', () => {
    assert.deepEqual(of(STUB), []);
    assert.deepEqual(of(stubOf(RSA)), []);
  });

  it('is whole, signed and for a key of a known kind', () => {
    const forged = Buffer.from(STUB);
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    const TABLE: readonly (readonly [Buffer, string])[] = [
      [Buffer.alloc(10 * 1024 + 1), 'Too long: may not be more than 10240 bytes'],
      [Buffer.from('x'), 'Invalid value: must be a valid PKCS#10 CSR'],
      [Buffer.concat([STUB, STUB]), 'Invalid value: must be a valid PKCS#10 CSR'],
      [forged, 'Invalid value: invalid signature'],
      [
        stubOf(SMALL_CURVE),
        'Invalid value: "curve P-224": elliptic public keys must use curve P256, P384, or P521',
      ],
      [
        stubOf(SMALL_RSA),
        'Invalid value: "2048-bit modulus": RSA keys must have modulus size 3072 or 4096',
      ],
      [
        stubOf({ publicKey: X25519.publicKey, privateKey: CURVE.privateKey }),
        'Invalid value: unknown public key type; supported types are Ed25519, ECDSA, and RSA',
      ],
      [
        stubOf({ publicKey: CURVE.publicKey, privateKey: RSA.privateKey }),
        'Invalid value: invalid signature',
      ],
    ];
    for (const [bytes, message] of TABLE)
      assert.deepEqual(of(bytes), [`spec.stubPKCS10Request: ${message}`]);
  });
});

describe('the public key of a new PodCertificateRequest', () => {
  const proofs = (key: KeyObject, uid = UID): Buffer => {
    const bytes = Buffer.from(uid);
    if (key.asymmetricKeyType === 'ed25519') return sign(undefined, bytes, key);
    const { RSA_PKCS1_PSS_PADDING: padding } = constants;
    return sign('sha256', bytes, key.asymmetricKeyType === 'rsa' ? { key, padding } : key);
  };
  const of = (publicKey: KeyObject, proof: Buffer): string[] => {
    const key = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
    const request = changed(REQUEST, 'spec.stubPKCS10Request', '');
    return createErrors(
      POD_CERTIFICATE_REQUEST,
      changed(
        changed(request, 'spec.pkixPublicKey', key),
        'spec.proofOfPossession',
        proof.toString('base64'),
      ),
    );
  };

  it("has signed the pod's uid", () => {
    for (const { publicKey, privateKey } of [CURVE, RSA, ED25519]) {
      assert.deepEqual(of(publicKey, proofs(privateKey)), []);
      assert.deepEqual(of(publicKey, proofs(privateKey, 'another')), [
        'spec.proofOfPossession: Invalid value: could not verify proof-of-possession signature',
      ]);
    }
  });

  it('is of a known kind and size', () => {
    const proof = Buffer.from('x');
    assert.deepEqual(of(SMALL_CURVE.publicKey, proof), [
      'spec.pkixPublicKey: Invalid value: "curve P-224": elliptic public keys must use curve P256 or P384',
    ]);
    assert.deepEqual(of(SMALL_RSA.publicKey, proof), [
      'spec.pkixPublicKey: Invalid value: "2048-bit modulus": RSA keys must have modulus size 3072 or 4096',
    ]);
    assert.match(of(X25519.publicKey, proof)[0] ?? '', /: unknown public key type; /);
    assert.deepEqual(of(CURVE.publicKey, Buffer.alloc(10 * 1024 + 1)), [
      'spec.proofOfPossession: Too long: may not be more than 10240 bytes',
    ]);
  });

  it('does not stand beside a stub', () => {
    assert.deepEqual(errors('spec.pkixPublicKey', 'eA=='), [
      'spec: Invalid value: exactly one of (stubPKCS10Request) or (pkixPublicKey, proofOfPossession) must be set',
    ]);
  });
});

describe('a new PodCertificateRequest', () => {
  it("has annotations of somebody's domain", () => {
    const of = (annotations: object): string[] =>
      errors('spec.unverifiedUserAnnotations', annotations);
    assert.deepEqual(of({ 'Example.com/key': 'x' }), []);
    assert.deepEqual(of({ key: 'x' }), [
      'spec.unverifiedUserAnnotations: Invalid value: "key": must be a domain-prefixed key (such as "acme.io/foo")',
    ]);
    assert.deepEqual(of({ 'example.com/key': 'x'.repeat(256 * 1024) }), [
      'spec.unverifiedUserAnnotations: Too long: may not be more than 262144 bytes',
    ]);
  });

  it('lives a day at most where the signer is one of Kubernetes', () => {
    const of = (signer: string): string[] =>
      createErrors(
        POD_CERTIFICATE_REQUEST,
        changed(changed(REQUEST, 'spec.signerName', signer), 'spec.maxExpirationSeconds', 86_401),
      );
    assert.equal(of('a.kubernetes.io/b').length, 1);
    assert.deepEqual(of('notkubernetes.io/b'), []);
  });
});

const STORED = created(POD_CERTIFICATE_REQUEST, REQUEST);

function chainOf(options: Partial<CertificateOptions> = {}): string {
  const name = { commonName: 'authority' };
  return createCertificate({
    subject: { commonName: 'pod' },
    publicKey: CURVE.publicKey,
    issuer: { name, ...CURVE },
    serial: Buffer.from([1]),
    notBeforeMs: NOW,
    notAfterMs: NOW + 2 * HOUR_SECONDS * 1000,
    uses: ['client'],
    ...options,
  });
}

const CONDITION = {
  type: 'Issued',
  status: 'True' as const,
  reason: 'Test',
  message: '',
  lastTransitionTime: ago(0),
};

type Status = NonNullable<PodCertificateRequest['status']>;

function issued(change: Partial<Status> = {}): PodCertificateRequest {
  const status = {
    conditions: [CONDITION],
    certificateChain: chainOf(),
    notBefore: ago(0),
    notAfter: ago(-2 * HOUR_SECONDS),
    beginRefreshAt: ago(-HOUR_SECONDS),
    ...change,
  };
  return { ...STORED, status };
}

/** Without the long value. */
const issueErrors = (change: Partial<Status>): string[] =>
  statusErrors(POD_CERTIFICATE_REQUEST, issued(change), STORED).map((text) =>
    text.replace(/"-----BEGIN.*-----\\n"/, 'CHAIN'),
  );

describe('an outcome of a PodCertificateRequest', () => {
  const of = (conditions: Status['conditions'], rest: Partial<Status> = {}, old = STORED) =>
    statusErrors(
      POD_CERTIFICATE_REQUEST,
      { ...STORED, status: { ...rest, ...(conditions === undefined ? {} : { conditions }) } },
      old,
    );

  it('is one of three, true and alone', () => {
    const denied = { ...CONDITION, type: 'Denied' };
    assert.deepEqual(of([denied]), []);
    assert.deepEqual(of([{ ...CONDITION, type: 'Odd' }]), [
      'status.conditions.[0].type: Unsupported value: "Odd": supported values: "Issued", "Denied", "Failed"',
    ]);
    assert.deepEqual(of([{ ...denied, status: 'False' }]), [
      'status.conditions.[0].status: Unsupported value: "False": supported values: "True"',
    ]);
    assert.deepEqual(of([denied, { ...CONDITION, type: 'Failed' }]), [
      'status.conditions.[1].type: Invalid value: "Failed": There may be at most one condition with type "Issued", "Denied", or "Failed"',
    ]);
  });

  it('leaves the rest empty when it is a refusal', () => {
    assert.deepEqual(of([{ ...CONDITION, type: 'Failed' }], { certificateChain: 'x' }), [
      'status: Invalid value: non-condition status fields must be empty when denying or failing the PodCertificateRequest',
    ]);
  });

  it('is needed for a change, and is the last one', () => {
    assert.deepEqual(of(undefined, { certificateChain: 'x' }), [
      'status: Invalid value: status is immutable unless transitioning to "Issued", "Denied", or "Failed"',
    ]);
    assert.deepEqual(of([{ ...CONDITION, type: 'Denied' }], {}, issued()), [
      'status: Invalid value: immutable after PodCertificateRequest is issued, denied, or failed',
    ]);
  });
});

describe('an issued chain', () => {
  const CHAIN = 'status.certificateChain: Invalid value: ';
  const key = toPem('PUBLIC KEY', Buffer.from('x'));
  const broken = toPem('CERTIFICATE', Buffer.from('x'));

  it('is fine as it is', () => {
    assert.deepEqual(issueErrors({}), []);
    const certificateChain = chainOf({ dnsNames: ['a.b'], emailAddresses: ['a@b.c', 'A <a@b>'] });
    assert.deepEqual(issueErrors({ certificateChain: certificateChain + chainOf() }), []);
  });

  it('is of certificates for the key that was asked for', () => {
    const TABLE: readonly (readonly [string, string])[] = [
      ['', '"": issued certificate chain must contain at least one certificate'],
      [key, 'CHAIN: issued certificate chain must consist entirely of CERTIFICATE PEM blocks'],
      [broken, 'CHAIN: leaf certificate does not parse as valid X.509'],
      [
        chainOf({ publicKey: RSA.publicKey }),
        'CHAIN: leaf certificate was not issued to the requested public key',
      ],
      [
        chainOf() + key,
        'CHAIN: issued certificate chain must consist entirely of CERTFICATE PEM blocks',
      ],
      [chainOf() + broken, 'CHAIN: intermediate certificate does not parse as valid X.509'],
      [chainOf({ dnsNames: [''] }), '"": leaf certificate should not contain empty DNSName'],
      [
        chainOf({ dnsNames: ['a..b'] }),
        `"a..b": leaf certificate's DNSName should not contain '..'`,
      ],
      [
        chainOf({ dnsNames: ['a.'] }),
        `"a.": leaf certificate's DNSName should not start or end with '.'`,
      ],
      [
        chainOf({ emailAddresses: ['a@'] }),
        '"a@": leaf certificate should not contain invalid EmailAddress',
      ],
    ];
    for (const [certificateChain, message] of TABLE)
      assert.deepEqual(issueErrors({ certificateChain }), [CHAIN + message]);
    assert.deepEqual(issueErrors({ certificateChain: 'x'.repeat(100 * 1024 + 1) }), [
      'status.certificateChain: Too long: may not be more than 102400 bytes',
    ]);
  });

  it('agrees with the times beside it, and with the clock', () => {
    const lives = (from: number, seconds: number, refreshAfter: number): Partial<Status> => ({
      certificateChain: chainOf({
        notBeforeMs: NOW + from * 1000,
        notAfterMs: NOW + (from + seconds) * 1000,
      }),
      notBefore: ago(-from),
      notAfter: ago(-from - seconds),
      beginRefreshAt: ago(-from - refreshAfter),
    });
    const day = 24 * HOUR_SECONDS;
    const TABLE: readonly (readonly [Partial<Status>, RegExp])[] = [
      [
        { notBefore: ago(1) },
        /^status.notBefore: Invalid value: "2026-01-02T03:04:04Z": must be set to the NotBefore time encoded in the leaf certificate$/,
      ],
      [
        { notAfter: ago(1) },
        /^status.notAfter: .*: must be set to the NotAfter time encoded in the leaf certificate$/,
      ],
      [
        lives(-300, day, 600),
        /^status.notBefore: .*: must be set to within 5 minutes of kube-apiserver's current time$/,
      ],
      [
        lives(0, 3599, 600),
        /: Invalid value: 3599000000000: leaf certificate lifetime must be >= 1 hour$/,
      ],
      [
        lives(0, day + 1, 600),
        /: leaf certificate lifetime must be <= spec.maxExpirationSeconds \(86400\)$/,
      ],
      [
        lives(0, day, 599),
        /^status.beginRefreshAt: .*: must be at least 10 minutes after status.notBefore$/,
      ],
      [
        lives(0, day, day - 599),
        /^status.beginRefreshAt: .*: must be at least 10 minutes before status.notAfter$/,
      ],
    ];
    for (const [change, message] of TABLE) {
      const found = issueErrors(change);
      assert.equal(found.length, 1);
      assert.match(found[0] ?? '', message);
    }
    assert.deepEqual(issueErrors(lives(-299, day, day - 600)), []);
    assert.deepEqual(issueErrors(lives(0, HOUR_SECONDS, 600)), []);
  });

  it('comes with all three times', () => {
    const {
      notBefore: _begin,
      notAfter: _end,
      beginRefreshAt: _refresh,
      ...rest
    } = issued().status ?? {};
    assert.deepEqual(statusErrors(POD_CERTIFICATE_REQUEST, { ...STORED, status: rest }, STORED), [
      'status.notBefore: Required value: must be present and consistent with the issued certificate',
      'status.notAfter: Required value: must be present and consistent with the issued certificate',
      'status.beginRefreshAt: Required value: must be present and in the range [notbefore+10min, notafter-10min]',
    ]);
  });
});
