/** Requests for certificates of Pods go after a quarter of an hour. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { POD_CERTIFICATE_REQUEST } from '#api/certificates/pod-certificate-request.ts';
import { FeatureGates, parseFeatureGates } from '#api/features/feature-gates.ts';
import { parseRuntimeConfig } from '#api/features/runtime-config.ts';
import { TestCluster } from '#kit/cluster.ts';
import { podCertificateRequestCleaner } from './podcertificaterequest-cleaner.ts';

const MINUTE_MS = 60_000;
const NAMESPACE = 'default';

const { publicKey, privateKey } = generateKeyPairSync('ed25519');

let cluster: TestCluster;

beforeEach(async () => {
  cluster = await TestCluster.start({
    nodes: 0,
    scheduler: false,
    controllers: [podCertificateRequestCleaner],
    apiServer: {
      featureGates: new FeatureGates(parseFeatureGates('PodCertificateRequest=true')),
      runtimeConfig: parseRuntimeConfig('certificates.k8s.io/v1beta1=true'),
    },
  });
});

afterEach(() => cluster.stop());

const ask = (name: string) =>
  cluster.create(POD_CERTIFICATE_REQUEST, {
    metadata: { name, namespace: NAMESPACE },
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

const names = async (): Promise<(string | undefined)[]> =>
  (await cluster.list(POD_CERTIFICATE_REQUEST, NAMESPACE)).map(({ metadata }) => metadata?.name);

describe('a request for the certificate of a Pod', () => {
  it('goes a quarter of an hour after it was made, within five minutes; younger ones stay', async () => {
    await ask('old');
    await cluster.advance(15 * MINUTE_MS - 3_000);
    assert.deepEqual(await names(), ['old']);
    await ask('new');
    await cluster.advance(5 * MINUTE_MS);
    assert.deepEqual(await names(), ['new']);
  });
});
