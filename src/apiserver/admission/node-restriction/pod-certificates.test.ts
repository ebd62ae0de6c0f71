import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AdmissionBench, type Asked } from '#kit/admission.ts';
import { FeatureGates, parseFeatureGates } from '#api/features/feature-gates.ts';
import type { PodCertificateRequestSpec } from '#api/gen/certificates-v1beta1.ts';
import { nodeRestriction } from '../plugins/node-restriction.ts';
import { NODES, PODS, SERVICE_ACCOUNTS } from '../targets.ts';

const me = { name: 'system:node:n1', groups: ['system:nodes'] };
const SPEC: Partial<PodCertificateRequestSpec> = {
  podName: 'mine',
  podUID: 'mine-uid',
  serviceAccountName: 'worker',
  serviceAccountUID: 'worker-uid',
  nodeName: 'n1',
  nodeUID: 'n1-uid',
};

function run(asked: Partial<Asked> & { spec?: object }, gates = 'PodCertificateRequest=true') {
  const bench = new AdmissionBench();
  const pod = (name: string, nodeName: string, annotations = {}): object => ({
    metadata: { name, namespace: 'default', uid: `${name}-uid`, annotations },
    spec: { nodeName, serviceAccountName: 'worker' },
  });
  bench.reader.put(NODES, { metadata: { name: 'n1', uid: 'n1-uid' } });
  bench.reader.put(PODS, pod('mine', 'n1'));
  bench.reader.put(PODS, pod('theirs', 'n2'));
  bench.reader.put(PODS, pod('mirror', 'n1', { 'kubernetes.io/config.mirror': 'x' }));
  const account = { name: 'worker', namespace: 'default', uid: 'worker-uid' };
  bench.reader.put(SERVICE_ACCOUNTS, { metadata: account });
  const services = { ...bench.services, gates: new FeatureGates(parseFeatureGates(gates)) };
  return bench.run(nodeRestriction(services), {
    group: 'certificates.k8s.io',
    plural: 'podcertificaterequests',
    user: me,
    object: { metadata: { generateName: 'req-' }, spec: { ...SPEC, ...asked.spec } },
    ...asked,
  });
}

const REFUSED = '403 podcertificaterequests.certificates.k8s.io "req-" is forbidden: ';
const OF_MINE = '500 PodCertificateRequest for pod "default/mine" ';

describe('NodeRestriction on requests for certificates of pods', () => {
  it('lets a node ask for its own pods', async () => assert.equal(await run({}), 'admitted'));

  it('refuses all while the gate is off', async () => {
    const message = `${REFUSED}PodCertificateRequest feature gate is disabled`;
    assert.equal(await run({}, ''), message);
  });

  it('refuses everything but to create one', async () => {
    const change = { operation: 'UPDATE' as const, old: { spec: SPEC } };
    assert.equal(await run(change), `${REFUSED}unexpected operation UPDATE`);
    assert.equal(await run({ subresource: 'status' }), `${REFUSED}unexpected subresource status`);
  });

  const TABLE: readonly (readonly [string, object, string])[] = [
    [
      'another node',
      { nodeName: 'n2' },
      `${REFUSED}PodCertificateRequest.Spec.NodeName="n2", which is not the requesting node "n1"`,
    ],
    [
      'a node of another time',
      { nodeUID: 'old' },
      `${OF_MINE}names node UID "old", inconsistent with the running node ("n1-uid")`,
    ],
    [
      'a pod that is not there',
      { podName: 'gone' },
      '500 while retrieving pod "default/gone" named in the PodCertificateRequest: pod "gone" not found',
    ],
    [
      'a pod of another time',
      { podUID: 'old' },
      `${OF_MINE}contains pod UID ("old") which differs from running pod "mine-uid"`,
    ],
    [
      'a pod of another node',
      { podName: 'theirs', podUID: 'theirs-uid' },
      `${REFUSED}pod "default/theirs" is not running on node "n1" named in the PodCertificateRequest`,
    ],
    [
      'a mirror pod',
      { podName: 'mirror', podUID: 'mirror-uid' },
      `${REFUSED}pod "default/mirror" is a mirror pod`,
    ],
    [
      'a service account that is not its own',
      { serviceAccountName: 'admin' },
      `${REFUSED}PodCertificateRequest for pod "default/mine" contains serviceAccountName ("admin") that differs from running pod ("worker")`,
    ],
    [
      'a service account of another time',
      { serviceAccountUID: 'old' },
      `${OF_MINE}names service account UID "old", which differs from the running service account ("worker-uid")`,
    ],
  ];
  for (const [name, spec, message] of TABLE)
    it(`refuses ${name}`, async () => assert.equal(await run({ spec }), message));
});
