/** A story of PodCertificateRequests: only those who may sign for a signer say how one ends. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { it } from 'node:test';
import { POD_CERTIFICATE_REQUEST } from '#api/certificates/pod-certificate-request.ts';
import { FeatureGates, parseFeatureGates } from '#api/features/feature-gates.ts';
import { parseRuntimeConfig } from '#api/features/runtime-config.ts';
import type { PolicyRule } from '#api/gen/rbac-v1.ts';
import { CLUSTER_ROLE } from '#api/rbac/cluster-role.ts';
import { CLUSTER_ROLE_BINDING } from '#api/rbac/cluster-role-binding.ts';
import { TestCluster } from '#kit/cluster.ts';

const GROUP = 'certificates.k8s.io';
const NOBODY = { name: 'nobody-in-particular', groups: ['system:authenticated'] };

async function allow(cluster: TestCluster, name: string, rule: PolicyRule): Promise<void> {
  await cluster.create(CLUSTER_ROLE, { metadata: { name }, rules: [rule] });
  await cluster.create(CLUSTER_ROLE_BINDING, {
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: NOBODY.name }],
  });
}

it('a status is written by those who may sign for the signer, and by nobody else', async () => {
  const cluster = await TestCluster.start({
    nodes: 0,
    scheduler: false,
    controllers: [],
    apiServer: {
      featureGates: new FeatureGates(parseFeatureGates('PodCertificateRequest=true')),
      runtimeConfig: parseRuntimeConfig('certificates.k8s.io/v1beta1=true'),
    },
  });
  try {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const request = await cluster.create(POD_CERTIFICATE_REQUEST, {
      metadata: { name: 'one', namespace: 'default' },
      spec: {
        signerName: 'example.com/pods',
        podName: 'web',
        podUID: '1',
        serviceAccountName: 'default',
        serviceAccountUID: '2',
        nodeName: 'node-1',
        nodeUID: '3',
        pkixPublicKey: publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
        proofOfPossession: sign(undefined, Buffer.from('1'), privateKey).toString('base64'),
        stubPKCS10Request: '',
      },
    });
    const deny = (reason: string) =>
      cluster.run(
        cluster.clientOf(NOBODY).update(
          POD_CERTIFICATE_REQUEST,
          {
            ...request,
            status: {
              conditions: [
                {
                  type: 'Denied',
                  status: 'True',
                  reason,
                  message: '',
                  lastTransitionTime: '2026-01-01T00:00:00Z',
                },
              ],
            },
          },
          'status',
        ),
      );
    const resources = ['podcertificaterequests/status'];
    await allow(cluster, 'writer', { apiGroups: [GROUP], resources, verbs: ['update'] });
    await cluster.advance(1_000);
    // What is wrong with the status itself is told first.
    await assert.rejects(deny('not a reason'), /a condition reason must start with/);
    await assert.rejects(deny('Odd'), {
      status: {
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        message:
          'PodCertificateRequest.certificates.k8s.io "one" is invalid: spec.signerName: Forbidden: User "nobody-in-particular" is not permitted to "sign" for signer "example.com/pods"',
        reason: 'Invalid',
        details: {
          name: 'one',
          group: GROUP,
          kind: 'PodCertificateRequest',
          causes: [
            {
              reason: 'FieldValueForbidden',
              message:
                'Forbidden: User "nobody-in-particular" is not permitted to "sign" for signer "example.com/pods"',
              field: 'spec.signerName',
            },
          ],
        },
        code: 422,
      },
    });
    await allow(cluster, 'signer', {
      apiGroups: [GROUP],
      resources: ['signers'],
      resourceNames: ['example.com/*'],
      verbs: ['sign'],
    });
    await cluster.advance(1_000);
    const { status } = await deny('Odd');
    assert.equal(status?.conditions?.[0]?.type, 'Denied');
  } finally {
    await cluster.stop();
  }
});
