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
import { keyFor } from '#client/informer.ts';
import {
  type Context,
  type Controller,
  defineController,
  type Result,
  watch,
} from '#reconcile/controller.ts';
import { isNamespaceTerminating } from './shared/pod-control.ts';

const NAME = 'kube-root-ca.crt';
const DESCRIPTION = 'kubernetes.io/description';
const DESCRIPTION_TEXT =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.';

/** `ca`: the certificates in PEM. */
export function rootCaPublisher({ ca }: { readonly ca: string }): Controller {
  return defineController<Namespace>({
    name: 'root-ca-cert-publisher',
    for: NAMESPACE,
    watches: [
      watch<ConfigMap, Namespace>({
        type: CONFIG_MAP,
        options: { fieldSelector: `metadata.name=${NAME}` },
        keys: ({ object }) => [object.metadata?.namespace ?? ''],
      }),
    ],
    reconcile: (namespace, context) => reconcile(namespace, { 'ca.crt': ca }, context),
  });
}

async function reconcile(
  { metadata, status }: Namespace,
  data: Record<string, string>,
  context: Context<Namespace>,
): Promise<Result> {
  if (status?.phase === 'Terminating') return {};
  const namespace = metadata?.name ?? '';
  const current = context.informer(CONFIG_MAP).get(keyFor(NAME, namespace));
  const described = (current?.metadata?.annotations?.[DESCRIPTION] ?? '') !== '';
  if (current !== undefined && described && equalValues(current.data, data)) return {};
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
  return {};
}
