import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { FakeReader } from '#kit/fake-reader.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import {
  PERSISTENT_VOLUMES,
  PODS,
  RESOURCE_SLICES,
  VOLUME_ATTACHMENTS,
} from '../admission/targets.ts';
import { requestInfoOf } from '../request-info.ts';
import { attributesFor, type LocalAuthorizer } from './authorizer.ts';
import { nodeAuthorizer } from './node.ts';

const me = { name: 'system:node:n1', groups: ['system:nodes'] };
let reader: FakeReader;
let authorize: LocalAuthorizer;

const pod = (name: string, nodeName: string, spec: object): Pod => ({
  metadata: { namespace: 'shop', name },
  spec: { nodeName, containers: [], ...spec },
});

/** Whether the node may: `GET /api/v1/…`. */
function may(request: string, user = me): boolean {
  const [method = '', url = ''] = request.split(' ');
  return authorize(attributesFor(user, requestInfoOf(method, url))).outcome === 'allow';
}

beforeEach(() => {
  reader = new FakeReader();
  authorize = nodeAuthorizer(reader);
  const references = {
    serviceAccountName: 'runner',
    imagePullSecrets: [{ name: 'pull' }],
    containers: [
      {
        name: 'a',
        envFrom: [{ secretRef: { name: 'from' } }, { configMapRef: { name: 'from-map' } }],
        env: [{ name: 'E', valueFrom: { secretKeyRef: { name: 'key', key: 'k' } } }],
      },
    ],
    volumes: [
      { name: 's', secret: { secretName: 'mounted' } },
      { name: 'c', configMap: { name: 'map' } },
      {
        name: 'p',
        projected: {
          sources: [{ secret: { name: 'projected' } }, { configMap: { name: 'projected-map' } }],
        },
      },
      { name: 'd', persistentVolumeClaim: { claimName: 'disk' } },
      { name: 'e', ephemeral: {} },
    ],
    resourceClaims: [{ name: 'gpu', resourceClaimName: 'gpu-1' }],
  };
  reader.put(PODS, pod('mine', 'n1', references));
  reader.put(
    PODS,
    pod('theirs', 'n2', {
      volumes: [{ name: 's', secret: { secretName: 'other' } }],
      serviceAccountName: 'other',
    }),
  );
});

const SHOP = '/api/v1/namespaces/shop';

describe('the Node authorizer', () => {
  const allowed = [
    ...['pull', 'from', 'key', 'mounted', 'projected'].map((name) => `GET ${SHOP}/secrets/${name}`),
    ...['from-map', 'map', 'projected-map', 'mine']
      .slice(0, 3)
      .map((name) => `GET ${SHOP}/configmaps/${name}`),
    `GET ${SHOP}/secrets?fieldSelector=metadata.name%3Dmounted`,
    `GET ${SHOP}/secrets?watch=true&fieldSelector=metadata.name%3Dmounted`,
    `GET ${SHOP}/persistentvolumeclaims/disk`,
    `GET ${SHOP}/persistentvolumeclaims/mine-e`,
    `PATCH ${SHOP}/persistentvolumeclaims/disk/status`,
    `GET /apis/resource.k8s.io/v1/namespaces/shop/resourceclaims/gpu-1`,
    `POST ${SHOP}/serviceaccounts/runner/token`,
    `GET ${SHOP}/serviceaccounts/runner`,
    `GET ${SHOP}/pods/mine`,
    `GET /api/v1/pods?fieldSelector=spec.nodeName%3Dn1&watch=true`,
    `PATCH ${SHOP}/pods/theirs/status`,
    `POST ${SHOP}/pods/theirs/eviction`,
    'GET /api/v1/nodes/n1',
    'GET /api/v1/nodes?watch=1&fieldSelector=metadata.name%3Dn1',
    'POST /api/v1/nodes',
    'PATCH /api/v1/nodes/n1/status',
    'GET /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1',
    'POST /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases',
    'PUT /apis/storage.k8s.io/v1/csinodes/n1',
    'GET /api/v1/services?watch=true',
    'POST /api/v1/namespaces/shop/events',
    'POST /apis/authorization.k8s.io/v1/subjectaccessreviews',
  ];
  for (const request of allowed) it(`allows ${request}`, () => assert.ok(may(request)));

  const refused = [
    `GET ${SHOP}/secrets/other`,
    `GET ${SHOP}/secrets`,
    `DELETE ${SHOP}/secrets/mounted`,
    'GET /api/v1/namespaces/bank/secrets/mounted',
    `GET /api/v1/secrets?fieldSelector=metadata.name%3Dmounted`,
    `GET ${SHOP}/configmaps/mounted`,
    `PATCH ${SHOP}/persistentvolumeclaims/other/status`,
    `POST ${SHOP}/serviceaccounts/other/token`,
    `GET ${SHOP}/pods/theirs`,
    'GET /api/v1/pods',
    'GET /api/v1/pods?fieldSelector=spec.nodeName%3Dn2',
    'GET /api/v1/pods?fieldSelector=spec.nodeName!%3Dn1',
    `PATCH ${SHOP}/pods/mine`,
    'GET /api/v1/nodes/n2',
    'GET /api/v1/nodes',
    'DELETE /api/v1/nodes/n1',
    'GET /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n2',
    'GET /apis/coordination.k8s.io/v1/namespaces/default/leases/n1',
    'PUT /apis/storage.k8s.io/v1/csinodes/n2',
    'GET /apis/apps/v1/deployments',
    'GET /metrics',
  ];
  for (const request of refused) it(`refuses ${request}`, () => assert.ok(!may(request)));

  it('knows no opinion of who is no node', () => {
    assert.ok(!may(`GET ${SHOP}/secrets/mounted`, { name: 'system:node:n1', groups: [] }));
    assert.ok(!may(`GET ${SHOP}/secrets/mounted`, { name: 'joe', groups: ['system:nodes'] }));
  });

  it('tells why it has no opinion', () => {
    const reason = (url: string): string =>
      authorize(attributesFor(me, requestInfoOf('GET', url))).reason;
    assert.equal(reason('/api/v1/secrets'), 'can only read namespaced object of this type');
    assert.equal(reason(`${SHOP}/secrets`), 'No Object name found');
    assert.equal(
      reason(`${SHOP}/secrets/other`),
      "no relationship found between node 'n1' and this object",
    );
  });

  it('follows pods as they come and go', () => {
    assert.ok(may(`GET ${SHOP}/secrets/mounted`));
    reader.remove(PODS, 'shop', 'mine');
    assert.ok(!may(`GET ${SHOP}/secrets/mounted`));
    reader.put(PODS, pod('next', '', { volumes: [{ name: 's', secret: { secretName: 'late' } }] }));
    assert.ok(!may(`GET ${SHOP}/secrets/late`));
    reader.put(
      PODS,
      pod('next', 'n1', { volumes: [{ name: 's', secret: { secretName: 'late' } }] }),
    );
    assert.ok(may(`GET ${SHOP}/secrets/late`));
  });

  it('gives nothing for static pods', () => {
    const mirror = pod('static', 'n1', {
      volumes: [{ name: 's', secret: { secretName: 'stolen' } }],
    });
    mirror.metadata!.annotations = { 'kubernetes.io/config.mirror': 'x' };
    reader.put(PODS, mirror);
    assert.ok(!may(`GET ${SHOP}/secrets/stolen`));
    assert.ok(may(`GET ${SHOP}/pods/static`));
  });

  it('allows the volume behind a claim, and the secret to mount it', () => {
    const csi = {
      driver: 'd',
      volumeHandle: 'h',
      nodePublishSecretRef: { namespace: 'vault', name: 'disk-key' },
    };
    reader.put(PERSISTENT_VOLUMES, {
      metadata: { name: 'pv1' },
      spec: { claimRef: { namespace: 'shop', name: 'disk' }, csi },
    });
    reader.put(PERSISTENT_VOLUMES, {
      metadata: { name: 'pv2' },
      spec: { claimRef: { namespace: 'shop', name: 'else' }, csi },
    });
    assert.ok(may('GET /api/v1/persistentvolumes/pv1'));
    assert.ok(!may('GET /api/v1/persistentvolumes/pv2'));
    // Upstream asks the volume whose it is, not the claim.
    assert.ok(may('GET /api/v1/namespaces/vault/secrets/disk-key'));
    reader.remove(PERSISTENT_VOLUMES, '', 'pv1');
    assert.ok(!may('GET /api/v1/namespaces/vault/secrets/disk-key'));
  });

  it('allows attachments and slices of the node', () => {
    reader.put(VOLUME_ATTACHMENTS, { metadata: { name: 'va1' }, spec: { nodeName: 'n1' } });
    reader.put(VOLUME_ATTACHMENTS, { metadata: { name: 'va2' }, spec: { nodeName: 'n2' } });
    reader.put(RESOURCE_SLICES, { metadata: { name: 's1' }, spec: { nodeName: 'n1' } });
    assert.ok(may('GET /apis/storage.k8s.io/v1/volumeattachments/va1'));
    assert.ok(!may('GET /apis/storage.k8s.io/v1/volumeattachments/va2'));
    assert.ok(may('DELETE /apis/resource.k8s.io/v1/resourceslices/s1'));
    assert.ok(may('GET /apis/resource.k8s.io/v1/resourceslices?fieldSelector=spec.nodeName%3Dn1'));
    assert.ok(!may('GET /apis/resource.k8s.io/v1/resourceslices'));
  });
});
