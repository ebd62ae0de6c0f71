/**
 * Trust bundle publisher: the ClusterTrustBundle of the signer of the API server's serving
 * certificates. It is named after its content; those of former content go.
 *
 * Upstream: pkg/controller/certificates/clustertrustbundlepublisher, v1.36; KEP-3257.
 */
import { createHash } from 'node:crypto';
import { CLUSTER_TRUST_BUNDLE } from '#api/certificates/cluster-trust-bundle.ts';
import type { ClusterTrustBundle } from '#api/gen/certificates-v1beta1.ts';
import { isNotFound } from '#api/meta/status.ts';
import { errorOf } from '#base/error.ts';
import type { Client, ResourceType } from '#client/client.ts';
import type { Informer } from '#client/informer.ts';
import { type Controller, defineKeyController } from '#reconcile/controller.ts';
import { SyncMetrics } from './shared/sync-metrics.ts';

const SIGNER = 'kubernetes.io/kube-apiserver-serving';
const HASH_BYTES = 12;
const KEY = 'bundle';

/** The better one first. The fields are the same. */
export const TRUST_BUNDLE_VERSIONS: readonly ResourceType<ClusterTrustBundle>[] = [
  CLUSTER_TRUST_BUNDLE,
  { ...CLUSTER_TRUST_BUNDLE, version: 'v1alpha1' },
];

interface PublisherOptions {
  /** The certificates in PEM. */
  readonly ca: string;
  /** One of TRUST_BUNDLE_VERSIONS that the server has. */
  readonly type: ResourceType<ClusterTrustBundle>;
}

export function trustBundlePublisher({ ca, type }: PublisherOptions): Controller {
  return defineKeyController({
    name: 'kube-apiserver-serving-clustertrustbundle-publisher-controller',
    identity: 'kube-apiserver-serving-clustertrustbundle-publisher',
    queue: 'ca_cert_publisher_cluster_trust_bundles',
    create: (setup) => {
      const metrics = new SyncMetrics(
        setup.metrics,
        'clustertrustbundle_publisher',
        'trust bundles',
      );
      const options = { fieldSelector: `spec.signerName=${SIGNER}` };
      const bundles = setup.watch(type, () => [KEY], options);
      setup.enqueue(KEY);
      return (_, { client }) =>
        metrics.measured(setup.environment.clock, () => publish({ ca, type, bundles, client }));
    },
  });
}

interface Publication extends PublisherOptions {
  readonly bundles: Informer<ClusterTrustBundle>;
  readonly client: Client;
}

async function publish({ ca, type, bundles, client }: Publication): Promise<void> {
  const name = bundleName(ca);
  const current = bundles.get(name);
  if (current === undefined)
    await client.create(type, {
      metadata: { name },
      spec: { signerName: SIGNER, trustBundle: ca },
    });
  else if (current.spec?.trustBundle !== ca)
    await client.update(type, {
      ...current,
      spec: { signerName: SIGNER, ...current.spec, trustBundle: ca },
    });
  let failure: Error | undefined;
  for (const { metadata } of bundles.list()) {
    if (metadata?.name === name) continue;
    try {
      await client.delete(type, { name: metadata?.name ?? '' });
    } catch (error) {
      // The others are to go all the same.
      if (!isNotFound(error)) failure = errorOf(error);
    }
  }
  if (failure !== undefined) throw failure;
}

function bundleName(ca: string): string {
  const hash = createHash('sha256').update(ca).digest().subarray(0, HASH_BYTES);
  return `${SIGNER.replaceAll('/', ':')}:${hash.toString('hex')}`;
}
