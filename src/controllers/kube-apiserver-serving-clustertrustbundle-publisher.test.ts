/** The bundle by which Pods trust the API server's serving certificate. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { afterEach, describe, it } from 'node:test';
import { CLUSTER_TRUST_BUNDLE } from '#api/certificates/cluster-trust-bundle.ts';
import { FeatureGates, parseFeatureGates } from '#api/features/feature-gates.ts';
import { parseRuntimeConfig } from '#api/features/runtime-config.ts';
import type { ClusterTrustBundle } from '#api/gen/certificates-v1beta1.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { TestCluster } from '#kit/cluster.ts';
import { countsOf } from '#kit/metrics.ts';
import { selfSigned } from '#kit/self-signed.ts';
import {
  TRUST_BUNDLE_VERSIONS,
  trustBundlePublisher,
} from './kube-apiserver-serving-clustertrustbundle-publisher.ts';

const SIGNER = 'kubernetes.io/kube-apiserver-serving';
const PREFIX = 'kubernetes.io:kube-apiserver-serving:';

const CA = selfSigned('authority');
const NAME = PREFIX + createHash('sha256').update(CA).digest('hex').slice(0, 24);

let cluster: TestCluster;
let metrics: MetricRegistry;

afterEach(() => cluster.stop());

async function start(version: 'v1beta1' | 'v1alpha1' = 'v1beta1'): Promise<void> {
  const type = TRUST_BUNDLE_VERSIONS.find((one) => one.version === version)!;
  metrics = new MetricRegistry();
  cluster = await TestCluster.start({
    nodes: 0,
    scheduler: false,
    controllers: [trustBundlePublisher({ ca: CA, type })],
    metrics,
    apiServer: {
      featureGates: new FeatureGates(parseFeatureGates('ClusterTrustBundle=true')),
      runtimeConfig: parseRuntimeConfig(`certificates.k8s.io/${version}=true`),
    },
  });
}

function bundle(name: string, signerName?: string): ClusterTrustBundle {
  const signer = signerName === undefined ? {} : { signerName };
  return { metadata: { name }, spec: { ...signer, trustBundle: selfSigned('authority') } };
}

const names = async (): Promise<(string | undefined)[]> =>
  (await cluster.list(CLUSTER_TRUST_BUNDLE)).map(({ metadata }) => metadata?.name);

describe('the bundle of the API server', () => {
  it('is published by the controller itself, named after its content', async () => {
    await start();
    const { spec } = await cluster.get(CLUSTER_TRUST_BUNDLE, NAME);
    assert.deepEqual(spec, { signerName: SIGNER, trustBundle: CA });
    assert.ok(countsOf(metrics, 'clustertrustbundle_publisher_')[0]?.startsWith('sync_duration'));
    assert.match(
      countsOf(metrics, 'clustertrustbundle_publisher_')[1] ?? '',
      /^sync_total\{code="200"\} \d+$/,
    );
  });

  it('comes back when it is deleted, and is put right when it is changed', async () => {
    await start();
    const made = await cluster.get(CLUSTER_TRUST_BUNDLE, NAME);
    await cluster.delete(CLUSTER_TRUST_BUNDLE, made);
    await cluster.settle();
    const again = await cluster.get(CLUSTER_TRUST_BUNDLE, NAME);
    assert.notEqual(again.metadata?.uid, made.metadata?.uid);
    await cluster.patch(CLUSTER_TRUST_BUNDLE, again, {
      spec: { trustBundle: selfSigned('authority') },
    });
    await cluster.settle();
    assert.equal((await cluster.get(CLUSTER_TRUST_BUNDLE, NAME)).spec?.trustBundle, CA);
  });

  it('is the only one of its signer; those of others stay', async () => {
    await start();
    await cluster.create(CLUSTER_TRUST_BUNDLE, bundle(`${PREFIX}old`, SIGNER));
    await cluster.create(CLUSTER_TRUST_BUNDLE, bundle('example.com:ca:one', 'example.com/ca'));
    await cluster.create(CLUSTER_TRUST_BUNDLE, bundle('free'));
    await cluster.settle();
    assert.deepEqual(new Set(await names()), new Set(['example.com:ca:one', 'free', NAME]));
  });

  it('is published in the version that the server has', async () => {
    await start('v1alpha1');
    const [, alpha] = TRUST_BUNDLE_VERSIONS;
    assert.equal((await cluster.get(alpha!, NAME)).spec?.trustBundle, CA);
  });
});
