/** Stories of CertificateSigningRequests: who is approved, what is signed, what is cleaned up. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { CERTIFICATE_SIGNING_REQUEST } from '#api/certificates/certificate-signing-request.ts';
import type {
  CertificateSigningRequest,
  CertificateSigningRequestSpec,
  KeyUsage,
} from '#api/gen/certificates-v1.ts';
import { CLUSTER_ROLE_BINDING } from '#api/rbac/cluster-role-binding.ts';
import { createCertificate } from '#base/x509.ts';
import { nodeIdentity } from '#client/in-process.ts';
import { csrApprovingController } from '#controllers/certificatesigningrequest-approving.ts';
import { csrCleanerController } from '#controllers/certificatesigningrequest-cleaner.ts';
import { csrSigningController } from '#controllers/certificatesigningrequest-signing.ts';
import { certificateRequest, type RequestWords } from '#kit/certificate-request.ts';
import { TestCluster } from '#kit/cluster.ts';

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const START_MS = Date.UTC(2026, 0, 1);
const KUBELET: RequestWords = { commonName: 'system:node:node-9', organizations: ['system:nodes'] };
const CLIENT_USAGES: KeyUsage[] = ['digital signature', 'client auth'];
const SERVER_USAGES: KeyUsage[] = ['digital signature', 'key encipherment', 'server auth'];

const CA = authority(START_MS + 1000 * 24 * HOUR_MS);

function authority(notAfterMs: number): { certificate: string; key: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = { commonName: 'test-ca', organizations: ['test'] };
  const certificate = createCertificate({
    subject: name,
    publicKey,
    issuer: { name, publicKey, privateKey },
    serial: Buffer.from([1]),
    notBeforeMs: START_MS - HOUR_MS,
    notAfterMs,
    uses: ['authority'],
  });
  return { certificate, key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

function cluster(ca = CA): Promise<TestCluster> {
  const controllers = [csrApprovingController, csrSigningController(ca), csrCleanerController];
  return TestCluster.start({ nodes: 0, scheduler: false, controllers });
}

function csr(
  words: RequestWords,
  spec: Partial<CertificateSigningRequestSpec> = {},
): CertificateSigningRequest {
  return {
    metadata: { name: 'one' },
    spec: {
      request: Buffer.from(certificateRequest(words)).toString('base64'),
      signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
      usages: CLIENT_USAGES,
      ...spec,
    },
  };
}

/** As kubeadm does, so that nodes renew their certificates by themselves. */
async function allowSelf(each: TestCluster): Promise<void> {
  const name = 'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient';
  await each.create(CLUSTER_ROLE_BINDING, {
    metadata: { name: 'self' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:nodes' }],
  });
}

const get = (each: TestCluster): Promise<CertificateSigningRequest> =>
  each.get(CERTIFICATE_SIGNING_REQUEST, 'one');

/** As the administrator asks, and approves. */
async function approved(
  each: TestCluster,
  object: CertificateSigningRequest,
): Promise<CertificateSigningRequest> {
  await decide(each, object, 'Approved');
  return get(each);
}

async function decide(
  each: TestCluster,
  object: CertificateSigningRequest,
  type: 'Approved' | 'Denied',
): Promise<void> {
  const created = await each.create(CERTIFICATE_SIGNING_REQUEST, object);
  const conditions = [{ type, status: 'True', reason: 'Tested' }];
  const decided = { ...created, status: { conditions } };
  await each.run(each.client.update(CERTIFICATE_SIGNING_REQUEST, decided, 'approval'));
  await each.advance(SECOND_MS);
}

function read(signed: CertificateSigningRequest): X509Certificate {
  assert.deepEqual(
    signed.status?.conditions?.map(({ type, message }) => `${type} ${message ?? ''}`.trim()),
    ['Approved'],
  );
  return new X509Certificate(Buffer.from(signed.status?.certificate ?? '', 'base64'));
}

describe('a kubelet that asks for a certificate as a client', () => {
  it('is approved and answered when it asks for itself', async () => {
    const each = await cluster();
    await allowSelf(each);
    const kubelet = each.clientOf(nodeIdentity('node-9'));
    await each.run(kubelet.create(CERTIFICATE_SIGNING_REQUEST, csr(KUBELET)));
    await each.advance(SECOND_MS);
    const { status } = await get(each);
    const [{ type, reason, message } = {}] = status?.conditions ?? [];
    const said = 'Auto approving self kubelet client certificate after SubjectAccessReview.';
    assert.deepEqual([type, reason, message], ['Approved', 'AutoApproved', said]);
    const certificate = new X509Certificate(Buffer.from(status?.certificate ?? '', 'base64'));
    assert.equal(certificate.subject, 'O=system:nodes\nCN=system:node:node-9');
    assert.equal(certificate.issuer, 'O=test\nCN=test-ca');
    assert.ok(certificate.verify(new X509Certificate(CA.certificate).publicKey));
    assert.ok(certificate.checkIssued(new X509Certificate(CA.certificate)));
    assert.equal(certificate.ca, false);
    assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.2']);
    await each.stop();
  });

  it('is approved for a node that is not itself when a role says so', async () => {
    const each = await cluster();
    await each.create(CERTIFICATE_SIGNING_REQUEST, csr(KUBELET));
    await each.advance(SECOND_MS);
    const [{ message } = {}] = (await get(each)).status?.conditions ?? [];
    assert.equal(message, 'Auto approving kubelet client certificate after SubjectAccessReview.');
    await each.stop();
  });

  it('waits until a role says so', async () => {
    const each = await cluster();
    const kubelet = each.clientOf(nodeIdentity('node-9'));
    await each.run(kubelet.create(CERTIFICATE_SIGNING_REQUEST, csr(KUBELET)));
    await each.advance(SECOND_MS);
    assert.equal((await get(each)).status?.conditions, undefined);
    const { failures = 0 } = each.manager?.states()[0] ?? {};
    assert.ok(failures > 1 && failures < 5, 'after 0.2 s, 0.4 s, 0.8 s');
    await allowSelf(each);
    await each.advance(MINUTE_MS);
    assert.equal((await get(each)).status?.conditions?.[0]?.type, 'Approved');
    await each.stop();
  });

  it('is not approved by itself when it asks for more than a client of nodes gets', async () => {
    const each = await cluster();
    await each.create(CERTIFICATE_SIGNING_REQUEST, csr({ ...KUBELET, dnsNames: ['node-9'] }));
    await each.advance(SECOND_MS);
    assert.equal((await get(each)).status?.conditions, undefined);
    await each.stop();
  });
});

describe('an approved request', () => {
  const serving: Partial<CertificateSigningRequestSpec> = {
    signerName: 'kubernetes.io/kubelet-serving',
    usages: SERVER_USAGES,
  };
  const client: Partial<CertificateSigningRequestSpec> = {
    signerName: 'kubernetes.io/kube-apiserver-client',
  };

  it('gets a server’s certificate with its names and addresses', async () => {
    const each = await cluster();
    const names = { dnsNames: ['node-9'], addresses: ['10.0.0.9'] };
    const certificate = read(await approved(each, csr({ ...KUBELET, ...names }, serving)));
    assert.equal(certificate.subjectAltName, 'DNS:node-9, IP Address:10.0.0.9');
    assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1']);
    await each.stop();
  });

  it('gets a client’s certificate for any name', async () => {
    const each = await cluster();
    const certificate = read(await approved(each, csr({ commonName: 'jane' }, client)));
    assert.equal(certificate.subject, 'CN=jane');
    await each.stop();
  });

  const YEAR_MS = 365 * 24 * HOUR_MS;
  for (const [seconds, lifeMs] of [
    [undefined, YEAR_MS - 5 * MINUTE_MS],
    [600, 10 * MINUTE_MS],
    [7 * 3600, 7 * HOUR_MS],
    [8 * 3600, 8 * HOUR_MS - 5 * MINUTE_MS],
    [2 ** 31 - 1, YEAR_MS - 5 * MINUTE_MS],
  ] as const) {
    it(`for ${seconds} seconds counts from five minutes ago to ${lifeMs} ms from now`, async () => {
      const each = await cluster();
      const spec = seconds === undefined ? client : { ...client, expirationSeconds: seconds };
      const before = each.environment.clock.now();
      const certificate = read(await approved(each, csr({ commonName: 'a' }, spec)));
      const nowMs = certificate.validFromDate.getTime() + 5 * MINUTE_MS;
      assert.ok(Math.abs(nowMs - before) <= SECOND_MS);
      assert.equal(certificate.validToDate.getTime() - nowMs, lifeMs);
      await each.stop();
    });
  }

  it('never outlives the authority', async () => {
    const notAfterMs = START_MS + 100 * 24 * HOUR_MS;
    const each = await cluster(authority(notAfterMs));
    const certificate = read(await approved(each, csr({ commonName: 'a' }, client)));
    assert.equal(certificate.validToDate.getTime(), notAfterMs);
    await each.stop();
  });

  it('is not signed by an authority whose time is over', async () => {
    const each = await cluster(authority(START_MS - MINUTE_MS));
    const { status } = await approved(each, csr({ commonName: 'a' }, client));
    assert.equal(status?.certificate, undefined);
    await each.stop();
  });

  it('is left to others when the signer is not one of Kubernetes', async () => {
    const each = await cluster();
    const spec = { signerName: 'example.com/other' };
    const { status } = await approved(each, csr({ commonName: 'a' }, spec));
    assert.equal(status?.certificate, undefined);
    assert.equal(status?.conditions?.length, 1);
    await each.stop();
  });

  const names = { dnsNames: ['node-9'] };
  const refusals: [string, RequestWords, Partial<CertificateSigningRequestSpec>, string][] = [
    ['a', { commonName: 'system:node:a' }, serving, 'subject organization is not system:nodes'],
    ['b', KUBELET, serving, 'DNS or IP subjectAltName is required'],
    [
      'c',
      { ...KUBELET, ...names, emailAddresses: ['a@b'] },
      serving,
      'Email subjectAltNames are not allowed',
    ],
    [
      'd',
      { ...KUBELET, ...names, uris: ['a://b'] },
      serving,
      'URI subjectAltNames are not allowed',
    ],
    [
      'e',
      { ...KUBELET, ...names },
      { ...serving, usages: ['server auth'] },
      'usages did not match [digital signature key encipherment server auth]',
    ],
    [
      'f',
      { ...KUBELET, ...names, commonName: 'x' },
      serving,
      'subject common name does not begin with system:node:',
    ],
    ['g', { ...KUBELET, ...names }, {}, 'DNS subjectAltNames are not allowed'],
    ['h', { ...KUBELET, emailAddresses: ['a@b'] }, {}, 'Email subjectAltNames are not allowed'],
    ['i', { ...KUBELET, addresses: ['1.2.3.4'] }, {}, 'IP subjectAltNames are not allowed'],
    ['j', { ...KUBELET, uris: ['a://b'] }, {}, 'URI subjectAltNames are not allowed'],
    [
      'k',
      { ...KUBELET, commonName: 'x' },
      {},
      'subject common name does not begin with system:node:',
    ],
    [
      'l',
      KUBELET,
      { usages: ['client auth'] },
      'usages did not match [client auth digital signature key encipherment]',
    ],
    [
      'm',
      { commonName: 'a' },
      { signerName: 'kubernetes.io/kube-apiserver-client', usages: ['server auth'] },
      'invalid usage for client certificate: server auth',
    ],
    [
      'n',
      { commonName: 'a' },
      { signerName: 'kubernetes.io/kube-apiserver-client', usages: ['digital signature'] },
      'missing required usage for client certificate: client auth',
    ],
  ];
  for (const [name, words, spec, message] of refusals) {
    it(`fails (${name}): ${message}`, async () => {
      const each = await cluster();
      const { status } = await approved(each, csr(words, spec));
      const failed = status?.conditions?.find(({ type }) => type === 'Failed');
      assert.equal(failed?.message, message);
      assert.equal(failed.reason, 'SignerValidationFailure');
      assert.equal(status?.certificate, undefined);
      await each.stop();
    });
  }
});

describe('a request that nobody looks for any more', () => {
  const isThere = async (each: TestCluster): Promise<boolean> =>
    (await each.list(CERTIFICATE_SIGNING_REQUEST)).length > 0;

  it('goes an hour after it was answered', async () => {
    const each = await cluster();
    await approved(
      each,
      csr({ commonName: 'a' }, { signerName: 'kubernetes.io/kube-apiserver-client' }),
    );
    await each.advance(HOUR_MS - MINUTE_MS);
    assert.equal(await isThere(each), true);
    await each.advance(HOUR_MS + MINUTE_MS);
    assert.equal(await isThere(each), false);
    await each.stop();
  });

  it('goes an hour after it was denied', async () => {
    const each = await cluster();
    await decide(each, csr({ commonName: 'a' }), 'Denied');
    await each.advance(2 * HOUR_MS);
    assert.equal(await isThere(each), false);
    await each.stop();
  });

  it('stays while it waits', async () => {
    const each = await cluster();
    const spec = { signerName: 'example.com/other' };
    await each.create(CERTIFICATE_SIGNING_REQUEST, csr({ commonName: 'a' }, spec));
    await each.advance(3 * HOUR_MS);
    assert.equal(await isThere(each), true);
    await each.stop();
  });
});
