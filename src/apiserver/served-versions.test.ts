import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FeatureGates, parseFeatureGates } from '#api/features/feature-gates.ts';
import { TestApiServer } from '../../test/kit/api-server.ts';

const featureGates = new FeatureGates(
  parseFeatureGates(
    'ClusterTrustBundle=true,PodCertificateRequest=true,StorageVersionMigrator=true',
  ),
);
const runtimeConfig = new Map([['api/all', 'true']]);

test('a version that is off by default is not found until it is asked for', async () => {
  const server = await TestApiServer.start();
  assert.equal((await server.call('GET /apis/networking.k8s.io/v1beta1/ipaddresses')).status, 404);
  await server.server.stop();
  const all = await TestApiServer.start({ runtimeConfig });
  assert.equal((await all.call('GET /apis/networking.k8s.io/v1beta1/ipaddresses')).status, 200);
  await all.server.stop();
});

test('a watch may not ask for the state first while the gate WatchList is off', async () => {
  const gates = new FeatureGates(parseFeatureGates('WatchList=false'));
  const server = await TestApiServer.start({ featureGates: gates });
  const query = 'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan';
  const reply = await server.call(`GET /api/v1/pods?${query}`);
  assert.equal(reply.status, 422);
  assert.match(reply.body.message, /unless the WatchList feature gate is enabled/);
  await server.server.stop();
});

test('objects are one, whichever version they are written and read in', async () => {
  const server = await TestApiServer.start({ featureGates, runtimeConfig });
  const path = '/apis/resource.k8s.io';
  const made = await server.call(`POST ${path}/v1beta1/namespaces/default/resourceclaims`, {
    metadata: { name: 'a' },
    spec: { devices: { requests: [{ name: 'r', deviceClassName: 'c' }] } },
  });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  assert.deepEqual(made.body.spec.devices.requests, [
    { name: 'r', deviceClassName: 'c', allocationMode: 'ExactCount', count: 1 },
  ]);
  assert.match(made.headers['warning'] ?? '', /v1beta1 ResourceClaim is deprecated in v1.35\+/);
  const stable = await server.call(`GET ${path}/v1/namespaces/default/resourceclaims/a`);
  assert.deepEqual(stable.body.spec.devices.requests, [
    {
      name: 'r',
      exactly: { deviceClassName: 'c', allocationMode: 'ExactCount', count: 1 },
    },
  ]);
  assert.equal(stable.headers['warning'], undefined);
  const patched = await server.call(`PATCH ${path}/v1beta2/namespaces/default/resourceclaims/a`, {
    metadata: { labels: { x: 'y' } },
  });
  assert.equal(patched.body.apiVersion, 'resource.k8s.io/v1beta2');
  const list = await server.call(`GET ${path}/v1beta1/resourceclaims?labelSelector=x%3Dy`);
  assert.equal(list.body.items.length, 1);
  await server.server.stop();
});

describe('kinds of alpha and beta versions', () => {
  const create = async (url: string, object: object) => {
    const server = await TestApiServer.start({ featureGates, runtimeConfig });
    const reply = await server.call(`POST ${url}`, object);
    await server.server.stop();
    return reply;
  };

  test('a LeaseCandidate needs versions that a strategy can compare', async () => {
    const url = '/apis/coordination.k8s.io/v1alpha2/namespaces/default/leasecandidates';
    const spec = {
      leaseName: 'l',
      binaryVersion: '1.35.0',
      emulationVersion: '1.36.0',
      strategy: 'OldestEmulationVersion',
    };
    const wrong = await create(url, { metadata: { name: 'a' }, spec });
    assert.deepEqual(
      wrong.body.details.causes.map((cause: { message: string }) => cause.message),
      ['Invalid value: "1.35.0": must be greater than or equal to `emulationVersion`'],
    );
    const right = { ...spec, binaryVersion: '1.36.1' };
    assert.equal((await create(url, { metadata: { name: 'a' }, spec: right })).status, 201);
  });

  test('a ClusterTrustBundle holds certificates of authorities, and is named after its signer', async () => {
    const url = '/apis/certificates.k8s.io/v1beta1/clustertrustbundles';
    const wrong = await create(url, {
      metadata: { name: 'a' },
      spec: { signerName: 'a.io/b', trustBundle: 'nothing' },
    });
    assert.deepEqual(
      wrong.body.details.causes.map((cause: { message: string }) => cause.message),
      [
        'Invalid value: "a": ClusterTrustBundle for signerName a.io/b must be named with prefix a.io:b:',
        'Invalid value: "<value omitted>": at least one trust anchor must be provided',
      ],
    );
  });

  test('a StorageVersion is named after a resource, and its servers agree', async () => {
    const url = '/apis/internal.apiserver.k8s.io/v1alpha1/storageversions';
    assert.equal((await create(url, { metadata: { name: 'nodot' }, spec: {} })).status, 422);
    const made = await create(url, { metadata: { name: 'apps.deployments' }, spec: {} });
    assert.equal(made.status, 201);
  });

  test('a DeviceTaintRule gets the time of its taint', async () => {
    const reply = await create('/apis/resource.k8s.io/v1beta2/devicetaintrules', {
      metadata: { name: 'a' },
      spec: { taint: { key: 'k', effect: 'NoExecute' } },
    });
    assert.equal(reply.status, 201, JSON.stringify(reply.body));
    assert.match(reply.body.spec.taint.timeAdded, /^\d{4}-/);
  });

  test('a StorageVersionMigration names a resource', async () => {
    const url = '/apis/storagemigration.k8s.io/v1beta1/storageversionmigrations';
    const reply = await create(url, { metadata: { name: 'a' }, spec: { resource: {} } });
    assert.equal(
      reply.body.details.causes[0].message,
      'Required value: resource is required to be set',
    );
  });
});
