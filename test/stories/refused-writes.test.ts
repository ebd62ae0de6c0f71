/** Stories of controllers whose writes are refused: what they say, what they do, when they try again. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { VALIDATING_ADMISSION_POLICY } from '#api/admissionregistration/validating-admission-policy.ts';
import { VALIDATING_ADMISSION_POLICY_BINDING } from '#api/admissionregistration/validating-admission-policy-binding.ts';
import { CERTIFICATE_SIGNING_REQUEST } from '#api/certificates/certificate-signing-request.ts';
import { ENDPOINTS } from '#api/core/endpoints.ts';
import { EVENT } from '#api/core/event.ts';
import { SERVICE } from '#api/core/service.ts';
import { ENDPOINT_SLICE } from '#api/discovery/endpoint-slice.ts';
import type { NamedRuleWithOperations } from '#api/gen/admissionregistration-v1.ts';
import type { ServiceSpec } from '#api/gen/core-v1.ts';
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';
import { createCertificate } from '#base/x509.ts';
import { csrSigningController } from '#controllers/certificatesigningrequest-signing.ts';
import { endpointSliceController } from '#controllers/endpointslice.ts';
import { endpointSliceMirroringController } from '#controllers/endpointslicemirroring.ts';
import type { Controller } from '#reconcile/controller.ts';
import { certificateRequest } from '#kit/certificate-request.ts';
import { TestCluster } from '#kit/cluster.ts';

const NAMESPACE = 'default';
const METADATA = { name: 'web', namespace: NAMESPACE };
const DUAL: Partial<ServiceSpec> = { ipFamilyPolicy: 'RequireDualStack' };

/** A cluster of one controller, whose requests are refused where all of the expressions hold. */
async function refusing(controller: Controller, ...expressions: string[]): Promise<TestCluster> {
  const cluster = await TestCluster.start({
    nodes: 0,
    scheduler: false,
    controllers: [controller],
    apiServer: { serviceClusterIpRange: '10.96.0.0/16,fd00:96::/112' },
  });
  const resourceRules: NamedRuleWithOperations[] = [
    {
      apiGroups: ['*'],
      apiVersions: ['*'],
      operations: ['CREATE', 'UPDATE', 'DELETE'],
      resources: ['endpointslices', 'certificatesigningrequests/status'],
    },
  ];
  await cluster.create(VALIDATING_ADMISSION_POLICY, {
    metadata: { name: 'closed' },
    spec: {
      matchConstraints: { resourceRules },
      matchConditions: [
        { name: 'controllers', expression: "request.userInfo.username != 'kubernetes-admin'" },
        ...expressions.map((expression, i) => ({ name: `condition-${i}`, expression })),
      ],
      validations: [{ expression: 'false', message: 'closed' }],
    },
  });
  await cluster.create(VALIDATING_ADMISSION_POLICY_BINDING, {
    metadata: { name: 'closed' },
    spec: { policyName: 'closed', validationActions: ['Deny'] },
  });
  await cluster.settle();
  return cluster;
}

const createService = (cluster: TestCluster, spec: Partial<ServiceSpec> = {}) =>
  cluster.create(SERVICE, { metadata: METADATA, spec: { ports: [{ port: 80 }], ...spec } });

/** The messages, with `…` for what the server answered. */
async function told(cluster: TestCluster, kind: string): Promise<string[]> {
  const events = await cluster.list(EVENT, NAMESPACE);
  return events
    .filter(({ involvedObject }) => involvedObject.kind === kind)
    .map(({ type, reason, message = '' }) => {
      const short = message.replaceAll(/: endpointslices\S* "[^"]*" is forbidden: [^,\]]*/g, ': …');
      return `${type} ${reason}: ${short}`;
    });
}

const failed = (cause: string): string =>
  `Warning FailedToUpdateEndpointSlices: Error updating Endpoint Slices for Service default/web: ${cause}`;

async function slices(cluster: TestCluster): Promise<EndpointSlice[]> {
  const all = await cluster.list(ENDPOINT_SLICE, NAMESPACE);
  return all.filter(({ metadata }) => metadata?.name !== 'kubernetes');
}

/** A slice that looks like one of the controller's, but belongs to no Service. */
function stray(addressType: EndpointSlice['addressType']): EndpointSlice {
  const labels = {
    'kubernetes.io/service-name': 'web',
    'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
  };
  const name = `stray-${addressType.toLowerCase()}`;
  const ports = [{ name: 'old', port: 80 }];
  return { metadata: { name, namespace: NAMESPACE, labels }, addressType, endpoints: [], ports };
}

/** How often its passes have failed. */
const failures = (cluster: TestCluster): number => cluster.manager?.states()[0]?.failures ?? 0;

describe('slices of endpoints that cannot be written', () => {
  const selector = { app: 'web' };
  const start = (...expressions: string[]): Promise<TestCluster> =>
    refusing(endpointSliceController, ...expressions);

  it('the Service says which was not made', async () => {
    const cluster = await start("request.operation == 'CREATE'");
    await createService(cluster, { selector });
    await cluster.advance(500);
    const cause = 'failed to create EndpointSlice for Service default/web: …';
    assert.deepEqual(await told(cluster, 'Service'), [failed(cause)]);
    await cluster.stop();
  });

  it('the Service says which was not changed', async () => {
    const cluster = await start("request.operation == 'UPDATE'");
    const service = await createService(cluster, { selector });
    await cluster.settle();
    const [slice] = await slices(cluster);
    await cluster.patch(SERVICE, service, { metadata: { labels: { tier: 'front' } } });
    await cluster.advance(500);
    const cause = `failed to update ${slice?.metadata?.name} EndpointSlice for Service default/web: …`;
    assert.deepEqual(await told(cluster, 'Service'), [failed(cause)]);
    await cluster.stop();
  });

  it('the Service says which did not go, and of which families', async () => {
    const cluster = await start("request.operation == 'DELETE'");
    for (const type of ['IPv4', 'IPv6', 'FQDN'] as const)
      await cluster.create(ENDPOINT_SLICE, stray(type));
    await createService(cluster, { selector });
    await cluster.advance(500);
    const of = (what: string, type: string): string =>
      `${what} stray-${type} EndpointSlice for Service default/web: …`;
    const causes = [
      of('failed to delete', 'ipv4'),
      of('error deleting', 'fqdn'),
      of('error deleting', 'ipv6'),
    ];
    assert.deepEqual(await told(cluster, 'Service'), [failed(`[${causes.join(', ')}]`)]);
    await cluster.stop();
  });

  it('of families that the Service has not go, of whatever kind', async () => {
    const cluster = await start('false');
    for (const type of ['IPv6', 'FQDN'] as const) await cluster.create(ENDPOINT_SLICE, stray(type));
    await createService(cluster, { selector });
    await cluster.settle();
    assert.deepEqual(
      (await slices(cluster)).map(({ addressType }) => addressType),
      ['IPv4'],
    );
    await cluster.stop();
  });

  for (const [refused, written] of [
    ['IPv4', 'IPv6'],
    ['IPv6', 'IPv4'],
  ] as const)
    it(`those of ${written} are written although those of ${refused} are refused`, async () => {
      const type = `object.addressType == '${refused}'`;
      const cluster = await start("request.operation == 'CREATE'", type);
      await createService(cluster, { selector, ...DUAL });
      await cluster.advance(500);
      assert.deepEqual(
        (await slices(cluster)).map(({ addressType }) => addressType),
        [written],
      );
      const cause = 'failed to create EndpointSlice for Service default/web: …';
      // What was written wakes the controller again.
      assert.deepEqual([...new Set(await told(cluster, 'Service'))], [failed(cause)]);
      await cluster.stop();
    });

  it('are tried again after a second, then twice as long each time', async () => {
    const cluster = await start();
    await createService(cluster, { selector });
    // At 0, 1, 3, 7, 15, 31, 63 and 127 s; then at 255 s.
    await cluster.advance(240_000);
    assert.equal(failures(cluster), 8);
    await cluster.stop();
  });
});

describe('mirrors of Endpoints that cannot be written', () => {
  it('are tried again after a second, then twice as long, at most 100 s; nobody is told', async () => {
    const cluster = await refusing(endpointSliceMirroringController);
    await createService(cluster);
    const subsets = [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80 }] }];
    await cluster.create(ENDPOINTS, { metadata: METADATA, subsets });
    // At 0, 1, 3, 7, 15, 31, 63, 127 and 227 s.
    await cluster.advance(240_000);
    assert.equal(failures(cluster), 9);
    assert.deepEqual(await told(cluster, 'Endpoints'), []);
    await cluster.stop();
  });
});

describe('mirrors of Endpoints that are gone', () => {
  for (const [kept, gone] of [
    ['IPv4', 'IPv6'],
    ['IPv6', 'IPv4'],
  ] as const)
    it(`go, those of ${gone} although those of ${kept} may not`, async () => {
      const isGoing = "request.operation == 'DELETE'";
      const type = `oldObject.addressType == '${kept}'`;
      const cluster = await refusing(endpointSliceMirroringController, isGoing, type);
      await createService(cluster);
      const addresses = [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }];
      const subsets = [{ addresses, ports: [{ port: 80 }] }];
      const endpoints = await cluster.create(ENDPOINTS, { metadata: METADATA, subsets });
      await cluster.settle();
      assert.equal((await slices(cluster)).length, 2);
      await cluster.delete(ENDPOINTS, endpoints);
      await cluster.advance(500);
      const left = (await slices(cluster)).map(({ addressType }) => addressType);
      assert.deepEqual(left, [kept]);
      assert.ok(failures(cluster) > 0, 'to be tried again');
      await cluster.stop();
    });
});

describe('a certificate that cannot be written', () => {
  it('is tried again after 200 ms, then twice as long each time', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const name = { commonName: 'test-ca', organizations: [] };
    const startMs = Date.UTC(2026, 0, 1);
    const certificate = createCertificate({
      subject: name,
      publicKey,
      issuer: { name, publicKey, privateKey },
      serial: Buffer.from([1]),
      notBeforeMs: startMs - 3_600_000,
      notAfterMs: startMs + 1000 * 24 * 3_600_000,
      uses: ['authority'],
    });
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const cluster = await refusing(csrSigningController({ certificate, key }));
    const request = certificateRequest({ commonName: 'jane', organizations: [] });
    const created = await cluster.create(CERTIFICATE_SIGNING_REQUEST, {
      metadata: { name: 'one' },
      spec: {
        request: Buffer.from(request).toString('base64'),
        signerName: 'kubernetes.io/kube-apiserver-client',
        usages: ['digital signature', 'client auth'],
      },
    });
    const conditions = [{ type: 'Approved', status: 'True', reason: 'Tested' }];
    const approved = { ...created, status: { conditions } };
    await cluster.run(cluster.client.update(CERTIFICATE_SIGNING_REQUEST, approved, 'approval'));
    // After 0, 0.2, 0.6, 1.4, 3, 6.2 and 12.6 s.
    await cluster.advance(20_000);
    assert.equal(failures(cluster), 7);
    await cluster.stop();
  });
});
