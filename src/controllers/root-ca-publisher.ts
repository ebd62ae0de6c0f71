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
import { isAlreadyExists, isNotFound } from '#api/meta/status.ts';
import type { MetricRegistry } from '#base/metrics.ts';
import { keyFor } from '#client/informer.ts';
import { type Context, type Controller, defineController, watch } from '#reconcile/controller.ts';
import { isNamespaceTerminating } from './shared/pod-control.ts';
import { SyncMetrics } from './shared/sync-metrics.ts';

const NAME = 'kube-root-ca.crt';
const DESCRIPTION = 'kubernetes.io/description';
const DESCRIPTION_TEXT =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.';

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
    metrics: (registry) => void metricsOf(registry),
    reconcile: async (namespace, context) => {
      if (namespace.status?.phase === 'Terminating') return;
      const { metrics, environment } = context;
      const pass = (): Promise<void> => publish(namespace, { 'ca.crt': ca }, context);
      await metricsOf(metrics).measured(environment.clock, pass);
    },
  });
}

const metricsOf = (registry: MetricRegistry): SyncMetrics =>
  new SyncMetrics(registry, 'root_ca_cert_publisher', 'namespaces');

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
