/**
 * Namespace deletion: a namespace that is being deleted is emptied, then let go.
 *
 *   deleted ─▶ Terminating ─▶ pods deleted ─▶ the rest deleted ─▶ finalizer removed ─▶ gone
 *
 * Upstream: pkg/controller/namespace, v1.36.
 */
import { NAMESPACE } from '#api/core/namespace.ts';
import { POD } from '#api/core/pod.ts';
import type { Namespace, Pod } from '#api/gen/core-v1.ts';
import { isNotFound } from '#api/meta/status.ts';
import type { Change } from '#client/informer.ts';
import {
  type Caches,
  type Context,
  type Controller,
  defineController,
  type Result,
  watch,
} from '#reconcile/controller.ts';
import { conditionsAfter } from './namespace/conditions.ts';
import { emptyNamespace } from './namespace/empty.ts';

const FINALIZER = 'kubernetes';
/** Upstream's wait before it looks, for API servers that have not heard of the deletion yet. */
const GRACE_MS = 5_000;

/** `graceMs`: may be 0 where one API server serves all. */
export function namespaceController({
  graceMs = GRACE_MS,
}: {
  readonly graceMs?: number;
} = {}): Controller {
  return defineController<Namespace>({
    name: 'namespace-controller',
    for: NAMESPACE,
    concurrency: 10,
    backoff: { firstMs: 5, msMax: 60_000 },
    watches: [watch<Pod, Namespace>({ type: POD, keys: namespaceOfDeletedPod })],
    reconcile: (namespace, context) => reconcile(namespace, graceMs, context),
  });
}

/** The last pod is gone: no need to wait for the estimate to pass. */
function namespaceOfDeletedPod(
  { type, object }: Change<Pod>,
  { owners, informer }: Caches<Namespace>,
): string[] {
  const name = object.metadata?.namespace ?? '';
  if (type !== 'deleted' || owners.get(name)?.metadata?.deletionTimestamp === undefined) return [];
  return informer(POD).list(name).length === 0 ? [name] : [];
}

async function reconcile(
  cached: Namespace,
  graceMs: number,
  context: Context<Namespace>,
): Promise<Result> {
  if (cached.metadata?.deletionTimestamp === undefined) return {};
  const waitMs = Date.parse(cached.metadata.deletionTimestamp) + graceMs - context.now();
  if (waitMs > 0) return { requeueAfterMs: waitMs };
  const name = cached.metadata.name ?? '';
  const live = await context.client.get(NAMESPACE, name).catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
  if (live?.metadata?.deletionTimestamp === undefined) return {};
  const namespace = await terminating(live, context);
  if ((namespace.spec?.finalizers ?? []).length === 0) return {};

  const outcome = await emptyNamespace(context.client, namespace, context.now());
  const conditions = conditionsAfter(namespace.status?.conditions ?? [], outcome, context.now());
  let current = namespace;
  if (conditions !== namespace.status?.conditions) {
    const status = { ...namespace.status, conditions: [...conditions] };
    current = await context.client.update(NAMESPACE, { ...namespace, status }, 'status');
  }
  const failed = outcome.contentErrors.length + outcome.discoveryFailures.size > 0;
  if (failed)
    throw new Error([...outcome.discoveryFailures.values(), ...outcome.contentErrors].join(', '));
  if (outcome.estimateSeconds > 0)
    return { requeueAfterMs: (outcome.estimateSeconds / 2 + 1) * 1000 };
  await letGo(current, context);
  return {};
}

async function terminating(
  namespace: Namespace,
  { client }: Context<Namespace>,
): Promise<Namespace> {
  if (namespace.status?.phase === 'Terminating') return namespace;
  const status = { ...namespace.status, phase: 'Terminating' as const };
  return client.update(NAMESPACE, { ...namespace, status }, 'status');
}

async function letGo(namespace: Namespace, { client }: Context<Namespace>): Promise<void> {
  const finalizers = (namespace.spec?.finalizers ?? []).filter(
    (finalizer) => finalizer !== FINALIZER,
  );
  const next = { ...namespace, spec: { ...namespace.spec, finalizers } };
  await client.update(NAMESPACE, next, 'finalize').catch((error: unknown) => {
    if (!isNotFound(error)) throw error;
  });
}
