/**
 * Root CA publisher: the ConfigMap `kube-root-ca.crt` in every namespace, by which Pods trust the
 * API server.
 *
 * Upstream: pkg/controller/certificates/rootcacertpublisher/publisher.go, v1.36.
 */
import { CONFIG_MAP } from '#api/core/config-map.ts';
import { NAMESPACE } from '#api/core/namespace.ts';
import type { ConfigMap, Namespace } from '#api/gen/core-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import { isAlreadyExists, isNotFound, StatusError } from '#api/meta/status.ts';
import { alpha, exponentialBuckets, type MetricRegistry } from '#base/metrics.ts';
import { keyFor } from '#client/informer.ts';
import { type Context, type Controller, defineController, watch } from '#reconcile/controller.ts';
import { isNamespaceTerminating } from './shared/pod-control.ts';

const NAME = 'kube-root-ca.crt';
const DESCRIPTION = 'kubernetes.io/description';
const DESCRIPTION_TEXT =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.';

const SYNCS = alpha('root_ca_cert_publisher_sync_total', 'Passes of namespaces.', 'code');
const SYNC_SECONDS = alpha(
  'root_ca_cert_publisher_sync_duration_seconds',
  'How long passes of namespaces took.',
  'code',
);
const SECONDS_BUCKETS = exponentialBuckets(0.001, 2, 15);

/** `ca`: the certificates in PEM. */
export function rootCaPublisher({ ca }: { readonly ca: string }): Controller {
  return defineController<Namespace>({
    name: 'root-ca-cert-publisher',
    queue: 'root_ca_cert_publisher',
    for: NAMESPACE,
    watches: [
      watch<ConfigMap, Namespace>({
        type: CONFIG_MAP,
        options: { fieldSelector: `metadata.name=${NAME}` },
        keys: ({ object }) => [object.metadata?.namespace ?? ''],
      }),
    ],
    metrics: metricsOf,
    reconcile: async (namespace, context) => {
      if (namespace.status?.phase === 'Terminating') return;
      await measured(context, () => publish(namespace, { 'ca.crt': ca }, context));
    },
  });
}

function metricsOf(registry: MetricRegistry) {
  return {
    syncs: registry.counter(SYNCS),
    seconds: registry.histogram(SYNC_SECONDS, SECONDS_BUCKETS),
  };
}

/** Counts a pass under the HTTP status that it ended with. */
async function measured(
  { metrics, environment: { clock } }: Context<Namespace>,
  pass: () => Promise<void>,
): Promise<void> {
  const { syncs, seconds } = metricsOf(metrics);
  const startMs = clock.monotonicMs();
  const count = (code: number): void => {
    syncs.add([String(code)]);
    seconds.observe([String(code)], (clock.monotonicMs() - startMs) / 1000);
  };
  try {
    await pass();
    count(200);
  } catch (error) {
    count(error instanceof StatusError ? error.code : 500);
    throw error;
  }
}

async function publish(
  { metadata }: Namespace,
  data: Record<string, string>,
  context: Context<Namespace>,
): Promise<void> {
  const namespace = metadata?.name ?? '';
  const current = context.informer(CONFIG_MAP).get(keyFor(NAME, namespace));
  const described = (current?.metadata?.annotations?.[DESCRIPTION] ?? '') !== '';
  if (current !== undefined && described && equalValues(current.data, data)) return;
  const annotations = { ...current?.metadata?.annotations, [DESCRIPTION]: DESCRIPTION_TEXT };
  const next = {
    ...current,
    metadata: { ...current?.metadata, name: NAME, namespace, annotations },
    data,
  };
  try {
    if (current === undefined) await context.client.create(CONFIG_MAP, next);
    else await context.client.update(CONFIG_MAP, next);
  } catch (error) {
    const harmless = isNotFound(error) || isAlreadyExists(error) || isNamespaceTerminating(error);
    if (!harmless) throw error;
  }
}
