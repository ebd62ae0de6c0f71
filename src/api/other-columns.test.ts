/** Rows of kinds outside of the core and apps groups. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { API_SERVICE } from './apiregistration/api-service.ts';
import { HORIZONTAL_POD_AUTOSCALER } from './autoscaling/horizontal-pod-autoscaler.ts';
import { CERTIFICATE_SIGNING_REQUEST } from './certificates/certificate-signing-request.ts';
import { PERSISTENT_VOLUME_CLAIM } from './core/persistent-volume-claim.ts';
import { PERSISTENT_VOLUME } from './core/persistent-volume.ts';
import { RESOURCE_QUOTA } from './core/resource-quota.ts';
import { ENDPOINT_SLICE } from './discovery/endpoint-slice.ts';
import { ago, row } from './kind-test-kit.ts';
import { INGRESS_CLASS } from './networking/ingress-class.ts';
import { INGRESS } from './networking/ingress.ts';
import { IP_ADDRESS } from './networking/ip-address.ts';
import { NETWORK_POLICY } from './networking/network-policy.ts';
import { POD_DISRUPTION_BUDGET } from './policy/pod-disruption-budget.ts';
import { ROLE_BINDING } from './rbac/role-binding.ts';
import { STORAGE_CLASS } from './storage/storage-class.ts';

const WHEN = { creationTimestamp: ago(60) };

describe('a row', () => {
  it('of an Ingress shows three hosts and each address once', () => {
    const rules = ['a', 'b', 'c', 'd', 'e'].map((host) => ({ host }));
    const ingress = [{ ip: '2.2.2.2' }, { hostname: 'lb' }, { ip: '2.2.2.2' }];
    const cells = row(INGRESS, {
      metadata: WHEN,
      spec: { rules, tls: [{}], ingressClassName: 'nginx' },
      status: { loadBalancer: { ingress } },
    });
    assert.deepEqual(
      [cells['Hosts'], cells['Address'], cells['Ports'], cells['Class'], cells['Age']],
      ['a,b,c + 2 more...', '2.2.2.2,lb', '80, 443', 'nginx', '60s'],
    );
    const bare = row(INGRESS, { spec: { rules: [{}] } });
    assert.deepEqual(
      [bare['Hosts'], bare['Address'], bare['Ports'], bare['Class']],
      ['*', '', '80', '<none>'],
    );
  });

  it('of an IngressClass tells the default one', () => {
    const annotations = { 'ingressclass.kubernetes.io/is-default-class': 'true' };
    const spec = { controller: 'a.b/c', parameters: { apiGroup: 'x.y', kind: 'K', name: 'n' } };
    const cells = row(INGRESS_CLASS, { metadata: { name: 'web', annotations }, spec });
    assert.deepEqual([cells['Name'], cells['Parameters']], ['web (default)', 'K.x.y/n']);
  });

  it('of a StorageClass tells the default one', () => {
    const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
    const cells = row(STORAGE_CLASS, { metadata: { name: 'disk', annotations }, provisioner: 'p' });
    assert.deepEqual([cells['Name'], cells['ReclaimPolicy']], ['disk (default)', 'Delete']);
  });

  it('of a NetworkPolicy shows its selector', () => {
    assert.equal(row(NETWORK_POLICY, { spec: { podSelector: {} } })['Pod-Selector'], '<none>');
    const podSelector = {
      matchLabels: { app: 'web' },
      matchExpressions: [{ key: 'tier', operator: 'In' as const, values: ['a', 'b'] }],
    };
    assert.equal(
      row(NETWORK_POLICY, { spec: { podSelector } })['Pod-Selector'],
      'app=web,tier in (a,b)',
    );
  });

  it('of an IPAddress shows who has it', () => {
    const parentRef = { resource: 'services', namespace: 'd', name: 'web' };
    assert.equal(row(IP_ADDRESS, { spec: { parentRef } })['ParentRef'], 'services/d/web');
  });

  it('of an EndpointSlice shows ports and addresses', () => {
    const endpoints = ['1', '2', '3', '4'].map((last) => ({ addresses: [`10.0.0.${last}`] }));
    const slice = { addressType: 'IPv4', endpoints, ports: [{ port: 80 }, { name: 'b' }, {}] };
    const cells = row(ENDPOINT_SLICE, slice);
    assert.deepEqual(
      [cells['Ports'], cells['Endpoints']],
      ['80,b,*', '10.0.0.1,10.0.0.2,10.0.0.3 + 1 more...'],
    );
    const empty = row(ENDPOINT_SLICE, { addressType: 'IPv4', endpoints: [], ports: [] });
    assert.deepEqual([empty['Ports'], empty['Endpoints']], ['<unset>', '<unset>']);
  });

  it('of a HorizontalPodAutoscaler shows what is and what is wanted', () => {
    const target = { type: 'Utilization', averageUtilization: 80 };
    const metrics = ['cpu', 'memory', 'disk'].map((name) => ({
      type: 'Resource',
      resource: { name, target },
    }));
    const currentMetrics = [
      { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 12 } } },
    ];
    const cells = row(HORIZONTAL_POD_AUTOSCALER, {
      spec: {
        scaleTargetRef: { kind: 'Deployment', name: 'web' },
        minReplicas: 1,
        maxReplicas: 5,
        metrics,
      },
      status: { currentReplicas: 2, desiredReplicas: 2, currentMetrics },
    });
    assert.deepEqual(
      [cells['Reference'], cells['Targets'], cells['MinPods'], cells['Replicas']],
      ['Deployment/web', 'cpu: 12%/80%, memory: <unknown>/80% + 1 more...', '1', 2],
    );
  });

  it('of a PodDisruptionBudget says what is not set', () => {
    const cells = row(POD_DISRUPTION_BUDGET, { spec: { minAvailable: '50%' } });
    assert.deepEqual([cells['Min Available'], cells['Max Unavailable']], ['50%', 'N/A']);
  });

  it('of a RoleBinding lists its subjects', () => {
    const subjects = [
      { kind: 'User', name: 'joe' },
      { kind: 'Group', name: 'dev' },
      { kind: 'ServiceAccount', name: 'robot', namespace: 'd' },
    ];
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'r' };
    const cells = row(ROLE_BINDING, { roleRef, subjects });
    assert.deepEqual(
      [cells['Role'], cells['Users'], cells['Groups'], cells['ServiceAccounts']],
      ['Role/r', 'joe', 'dev', 'd/robot'],
    );
  });

  it('of a CertificateSigningRequest says where it stands', () => {
    const condition = (...types: string[]): unknown =>
      row(CERTIFICATE_SIGNING_REQUEST, {
        status: { conditions: types.map((type) => ({ type, status: 'True' })) },
      })['Condition'];
    assert.deepEqual(
      [condition(), condition('Approved'), condition('Approved', 'Failed'), condition('Denied')],
      ['Pending', 'Approved', 'Approved,Failed', 'Denied'],
    );
  });

  it('of an APIService says where it is served and whether', () => {
    const spec = { groupPriorityMinimum: 1, versionPriority: 1 };
    const local = row(API_SERVICE, { spec });
    assert.deepEqual([local['Service'], local['Available']], ['Local', 'Unknown']);
    const remote = row(API_SERVICE, {
      spec: { ...spec, service: { namespace: 'd', name: 'api' } },
      status: { conditions: [{ type: 'Available', status: 'False', reason: 'Gone' }] },
    });
    assert.deepEqual([remote['Service'], remote['Available']], ['d/api', 'False (Gone)']);
  });

  it('of a ResourceQuota shows use and limits', () => {
    const hard = { pods: '3', 'limits.cpu': '2', 'requests.cpu': '1' };
    const cells = row(RESOURCE_QUOTA, { status: { hard, used: { pods: '1' } } });
    assert.deepEqual(
      [cells['Request'], cells['Limit']],
      ['pods: 1/3, requests.cpu: 0/1', 'limits.cpu: 0/2'],
    );
  });

  it('of a claim and its volume', () => {
    const claim = row(PERSISTENT_VOLUME_CLAIM, {
      spec: { volumeName: 'v', storageClassName: 'disk' },
      status: { phase: 'Bound', capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'] },
    });
    assert.deepEqual(
      [
        claim['Status'],
        claim['Volume'],
        claim['Capacity'],
        claim['Access Modes'],
        claim['StorageClass'],
      ],
      ['Bound', 'v', '1Gi', 'RWO', 'disk'],
    );
    const volume = row(PERSISTENT_VOLUME, {
      spec: {
        capacity: { storage: '1Gi' },
        accessModes: ['ReadOnlyMany', 'ReadWriteMany'],
        claimRef: { namespace: 'd', name: 'c' },
      },
      status: { phase: 'Bound' },
    });
    assert.deepEqual(
      [volume['Capacity'], volume['Access Modes'], volume['Claim'], volume['Status']],
      ['1Gi', 'ROX,RWX', 'd/c', 'Bound'],
    );
  });
});
