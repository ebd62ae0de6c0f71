import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { TestApiServer } from '../../../test/kit/api-server.ts';

const CLAIMS = '/apis/resource.k8s.io/v1/namespaces/default/resourceclaims';
const STATUS = `${CLAIMS}/a/status`;
const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const DRIVER = 'system:serviceaccount:default:driver';

const device = { driver: 'gpu.example.com', pool: 'p', device: 'd' };
const allocation = {
  devices: { results: [{ request: 'r', ...device }] },
  nodeSelector: {
    nodeSelectorTerms: [
      { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['node-1'] }] },
    ],
  },
};
const ready = [{ ...device, data: { ready: true } }];

describe('the status of a resource claim', () => {
  let server: TestApiServer;
  beforeEach(async () => {
    server = await TestApiServer.start();
    await server.must(`POST ${CLAIMS}`, {
      metadata: { name: 'a' },
      spec: { devices: { requests: [{ name: 'r', exactly: { deviceClassName: 'c' } }] } },
    });
    await server.must(`POST ${RBAC}/clusterroles`, {
      metadata: { name: 'driver' },
      rules: [
        { verbs: ['patch'], apiGroups: ['resource.k8s.io'], resources: ['resourceclaims/status'] },
        {
          verbs: ['associated-node:patch'],
          apiGroups: ['resource.k8s.io'],
          resources: ['resourceclaims/driver'],
          resourceNames: [device.driver],
        },
      ],
    });
    await server.must(`POST ${RBAC}/clusterrolebindings`, {
      metadata: { name: 'driver' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'driver' },
      subjects: [{ kind: 'ServiceAccount', namespace: 'default', name: 'driver' }],
    });
  });

  afterEach(() => server.server.stop());

  function driverOn(node: string) {
    return {
      headers: {
        'impersonate-user': DRIVER,
        'impersonate-extra-authentication.kubernetes.io%2fnode-name': node,
      },
    };
  }

  test('an allocation takes a right to bind, in all namespaces', async () => {
    assert.equal(
      await server.refusal(`PATCH ${STATUS}`, { status: { allocation } }, driverOn('node-1')),
      '422 ResourceClaim.resource.k8s.io "a" is invalid: status.allocation: Forbidden: changing status.allocation or status.reservedFor requires resource="resourceclaims/binding", verb="patch" permission: ' +
        `resourceclaims.resource.k8s.io is forbidden: User "${DRIVER}" cannot patch resource "resourceclaims/binding" in API group "resource.k8s.io" at the cluster scope`,
    );
    await server.must(`PATCH ${STATUS}`, { status: { allocation } });
    await server.must(`PATCH ${RBAC}/clusterroles/driver`, {
      rules: [
        {
          verbs: ['patch'],
          apiGroups: ['resource.k8s.io'],
          resources: ['resourceclaims/status', 'resourceclaims/binding'],
        },
      ],
    });
    const reservedFor = [{ resource: 'pods', name: 'p', uid: 'u' }];
    await server.must(`PATCH ${STATUS}`, { status: { reservedFor } }, driverOn('node-2'));
  });

  test('a driver writes of devices on its own node, where it may', async () => {
    await server.must(`PATCH ${STATUS}`, { status: { allocation } });
    const { status } = await server.must(
      `PATCH ${STATUS}`,
      { status: { devices: ready } },
      driverOn('node-1'),
    );
    assert.deepEqual(status.devices, [{ ...ready[0], conditions: null }]);
    assert.equal(
      await server.refusal(`PATCH ${STATUS}`, { status: { devices: null } }, driverOn('node-2')),
      '422 ResourceClaim.resource.k8s.io "a" is invalid: status.devices: Forbidden: changing status.devices requires resource="resourceclaims/driver", verb="[arbitrary-node:patch]" permission: ' +
        `resourceclaims.resource.k8s.io "${device.driver}" is forbidden: User "${DRIVER}" cannot arbitrary-node:patch resource "resourceclaims/driver" in API group "resource.k8s.io" in the namespace "default"`,
    );
  });

  test('a write that leaves the devices as they are takes no right to them', async () => {
    await server.must(`PATCH ${STATUS}`, { status: { allocation, devices: ready } });
    await server.must(`PATCH ${STATUS}`, { status: { devices: ready } }, driverOn('node-2'));
  });

  for (const version of ['v1', 'v1beta1'])
    test(`what a device said goes with its allocation, in ${version}`, async () => {
      const served = await TestApiServer.start({ runtimeConfig: new Map([['api/all', 'true']]) });
      await served.must(`POST ${CLAIMS}`, {
        metadata: { name: 'a' },
        spec: { devices: { requests: [{ name: 'r', exactly: { deviceClassName: 'c' } }] } },
      });
      const path = STATUS.replace('/v1/', `/${version}/`);
      await served.must(`PATCH ${path}`, { status: { allocation, devices: ready } });
      const { status } = await served.must(`PATCH ${path}`, { status: { allocation: null } });
      assert.deepEqual(status, {});
      await served.server.stop();
    });
});
