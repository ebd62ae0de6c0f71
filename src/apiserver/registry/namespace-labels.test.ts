import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestApiServer } from '#kit/api-server.ts';

const RESOURCE = '/apis/resource.k8s.io/v1/namespaces/lab';
const NEEDS_LABEL =
  'admin access to devices requires the `resource.kubernetes.io/admin-access: true` label on the containing namespace';
const devices = (adminAccess: boolean) => ({
  requests: [{ name: 'a', exactly: { deviceClassName: 'c', adminAccess } }],
});
const claim = (name: string, adminAccess: boolean) => ({
  apiVersion: 'resource.k8s.io/v1',
  kind: 'ResourceClaim',
  metadata: { name },
  spec: { devices: devices(adminAccess) },
});

test('admin access to devices is for namespaces that are marked for it', async () => {
  const server = await TestApiServer.start();
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'lab' } };
  await server.must('POST /api/v1/namespaces', namespace);
  await server.must(`POST ${RESOURCE}/resourceclaims`, claim('plain', false));
  assert.equal(
    await server.refusal(`POST ${RESOURCE}/resourceclaims`, claim('admin', true)),
    `422 ResourceClaim.resource.k8s.io "admin" is invalid: spec.devices.requests[0].adminAccess: Forbidden: ${NEEDS_LABEL}`,
  );
  const template = {
    apiVersion: 'resource.k8s.io/v1',
    kind: 'ResourceClaimTemplate',
    metadata: { name: 't' },
    spec: { spec: { devices: devices(true) } },
  };
  assert.match(
    await server.refusal(`POST ${RESOURCE}/resourceclaimtemplates`, template),
    /^422 .*: spec.devices.requests\[0\].adminAccess: Forbidden/,
  );
  const allocated = {
    ...claim('plain', false),
    status: {
      allocation: {
        devices: {
          results: [
            { request: 'a', driver: 'd.example.com', pool: 'p', device: 'x', adminAccess: true },
          ],
        },
      },
    },
  };
  assert.match(
    await server.refusal(`PUT ${RESOURCE}/resourceclaims/plain/status`, allocated),
    /^422 .*status.allocation.devices.results\[0\].adminAccess: Forbidden/,
  );
  const labels = { 'resource.kubernetes.io/admin-access': 'true' };
  await server.must('PUT /api/v1/namespaces/lab', {
    ...namespace,
    metadata: { name: 'lab', labels },
  });
  await server.must(`POST ${RESOURCE}/resourceclaims`, claim('admin', true));
  await server.must(`PUT ${RESOURCE}/resourceclaims/plain/status`, allocated);
  await server.server.stop();
});

test('an address is never named by a prefix and something random', async () => {
  const server = await TestApiServer.start();
  const path = 'POST /apis/networking.k8s.io/v1/ipaddresses';
  const parentRef = { resource: 'services', namespace: 'd', name: 's' };
  const address = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IPAddress',
    metadata: { generateName: '10.96.7.7' },
    spec: { parentRef },
  };
  assert.equal((await server.must(`${path}?dryRun=All`, address)).metadata.name, '10.96.7.7');
  await server.server.stop();
});

test('an object without a namespace loses the one that it is sent with', async () => {
  const server = await TestApiServer.start();
  const role = { metadata: { name: 'r', namespace: 'other' }, rules: [] };
  const path = '/apis/rbac.authorization.k8s.io/v1/clusterroles';
  assert.equal((await server.must(`POST ${path}`, role)).metadata.namespace, undefined);
  assert.equal((await server.must(`PUT ${path}/r`, role)).metadata.namespace, undefined);
  await server.server.stop();
});
