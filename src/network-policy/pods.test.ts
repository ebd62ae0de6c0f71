import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '#api/gen/core-v1.ts';
import { keptPod, policyPodOf } from './pods.ts';

const POD: Pod = {
  metadata: {
    name: 'web',
    namespace: 'shop',
    uid: 'u',
    resourceVersion: '7',
    labels: { app: 'web' },
    annotations: { long: 'text' },
  },
  spec: {
    nodeName: 'n1',
    containers: [
      { name: 'c', image: 'i', ports: [{ name: 'http', containerPort: 80 }] },
      { name: 'd', ports: [{ containerPort: 81 }] },
    ],
  },
  status: { phase: 'Running', podIP: '10.0.0.1', conditions: [{ type: 'Ready', status: 'True' }] },
};

describe('policyPodOf', () => {
  const rows: [title: string, pod: Pod, addresses: string[]][] = [
    ['is at its address', POD, ['10.0.0.1']],
    ['before it runs', { ...POD, status: { phase: 'Pending', podIP: '10.0.0.1' } }, ['10.0.0.1']],
    ['without an address', { ...POD, status: { phase: 'Pending' } }, []],
    ['that has succeeded', { ...POD, status: { ...POD.status, phase: 'Succeeded' } }, []],
    ['that has failed', { ...POD, status: { ...POD.status, phase: 'Failed' } }, []],
    ['on the network of its node', { ...POD, spec: { containers: [], hostNetwork: true } }, []],
    [
      'with two addresses is at both, IPv4 first',
      { ...POD, status: { podIP: 'fd00::1', podIPs: [{ ip: 'fd00::1' }, { ip: '10.0.0.2' }] } },
      ['10.0.0.2', 'fd00::1'],
    ],
    [
      'with two of one family is at the first',
      { ...POD, status: { podIPs: [{ ip: '10.0.0.2' }, { ip: '10.0.0.3' }] } },
      ['10.0.0.2'],
    ],
    [
      'is at its address, however that is written',
      { ...POD, status: { podIP: 'FD00:0:0::0:1' } },
      ['fd00::1'],
    ],
    ['with IPv6 alone', { ...POD, status: { podIP: 'fd00::1' } }, ['fd00::1']],
  ];
  for (const [title, pod, addresses] of rows) {
    it(`a pod ${title}: ${addresses.join() || 'none'}`, () => {
      assert.deepEqual(
        (policyPodOf(pod)?.addresses ?? []).map(({ text }) => text),
        addresses,
      );
    });
  }

  it('is on its node before it has an address, and nowhere before that', () => {
    const waiting = { ...POD, status: { phase: 'Pending' as const } };
    assert.equal(policyPodOf(waiting)?.node, 'n1');
    assert.equal(policyPodOf({ ...waiting, spec: { containers: [] } }), undefined);
  });

  it('keeps of a pod what policies look at', () => {
    assert.deepEqual(policyPodOf(keptPod(POD)), policyPodOf(POD));
    assert.deepEqual(keptPod(POD), {
      metadata: {
        name: 'web',
        namespace: 'shop',
        uid: 'u',
        resourceVersion: '7',
        labels: { app: 'web' },
      },
      spec: {
        nodeName: 'n1',
        containers: [{ name: 'c', ports: [{ name: 'http', containerPort: 80 }] }],
      },
      status: { phase: 'Running', podIP: '10.0.0.1' },
    });
  });
});
