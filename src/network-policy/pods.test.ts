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
  const rows: [title: string, pod: Pod, address: string | undefined][] = [
    ['is at its address', POD, '10.0.0.1'],
    ['before it runs', { ...POD, status: { phase: 'Pending', podIP: '10.0.0.1' } }, '10.0.0.1'],
    ['without an address', { ...POD, status: { phase: 'Pending' } }, undefined],
    ['that has succeeded', { ...POD, status: { ...POD.status, phase: 'Succeeded' } }, undefined],
    ['that has failed', { ...POD, status: { ...POD.status, phase: 'Failed' } }, undefined],
    [
      'on the network of its node',
      { ...POD, spec: { containers: [], hostNetwork: true } },
      undefined,
    ],
    [
      'with two addresses is at the IPv4 one',
      { ...POD, status: { podIP: 'fd00::1', podIPs: [{ ip: 'fd00::1' }, { ip: '10.0.0.2' }] } },
      '10.0.0.2',
    ],
    ['with IPv6 alone', { ...POD, status: { podIP: 'fd00::1' } }, undefined],
  ];
  for (const [title, pod, address] of rows) {
    it(`a pod ${title}: ${address ?? 'none'}`, () => {
      assert.equal(policyPodOf(pod)?.address, address);
    });
  }

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
