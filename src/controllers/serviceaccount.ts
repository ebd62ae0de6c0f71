/**
 * Default service accounts: every active namespace has one called `default`, which Pods run as
 * when they name none.
 *
 * Upstream: pkg/controller/serviceaccount/serviceaccounts_controller.go, v1.36.
 */
import { NAMESPACE } from '#api/core/namespace.ts';
import { SERVICE_ACCOUNT } from '#api/core/service-account.ts';
import type { Namespace, ServiceAccount } from '#api/gen/core-v1.ts';
import { isAlreadyExists } from '#api/meta/status.ts';
import { keyFor } from '#client/informer.ts';
import { type Context, defineController, type Result, watch } from '#reconcile/controller.ts';
import { isNamespaceTerminating } from './shared/pod-control.ts';

const NAME = 'default';

export const serviceAccountController = defineController<Namespace>({
  name: 'service-account-controller',
  queue: 'serviceaccount',
  for: NAMESPACE,
  watches: [
    watch<ServiceAccount, Namespace>({
      type: SERVICE_ACCOUNT,
      keys: ({ type, object }) =>
        type === 'deleted' && object.metadata?.name === NAME
          ? [object.metadata.namespace ?? '']
          : [],
    }),
  ],
  reconcile,
});

async function reconcile(
  { metadata, status }: Namespace,
  context: Context<Namespace>,
): Promise<Result> {
  if (status?.phase !== 'Active') return {};
  const namespace = metadata?.name ?? '';
  if (context.informer(SERVICE_ACCOUNT).get(keyFor(NAME, namespace)) !== undefined) return {};
  try {
    await context.client.create(SERVICE_ACCOUNT, { metadata: { name: NAME, namespace } });
  } catch (error) {
    if (!isAlreadyExists(error) && !isNamespaceTerminating(error)) throw error;
  }
  return {};
}
