/**
 * Pod garbage collection: removes Pods that nobody else will.
 *
 *   on a node that is gone             after a quarantine, and a fresh look at the node
 *   deleted, and never scheduled       no kubelet will confirm the end
 *   deleted, on an out-of-service node the administrator vouches that it is off
 *   finished, beyond a threshold       the oldest, evicted ones first
 *
 * Upstream: pkg/controller/podgc/gc_controller.go, v1.36.
 */
import { NODE } from '#api/core/node.ts';
import { POD } from '#api/core/pod.ts';
import { isPodTerminal, withCondition } from '#api/core/pod-helpers.ts';
import type { Node, Pod, PodCondition } from '#api/gen/core-v1.ts';
import { isNotFound } from '#api/meta/status.ts';
import { timeText } from '#api/meta/time.ts';
import { alpha, type Counter, type MetricRegistry } from '#base/metrics.ts';
import type { Client } from '#client/client.ts';
import {
  type Controller,
  defineKeyController,
  type Result,
  type Setup,
} from '#reconcile/controller.ts';

const CHECK_PERIOD_MS = 20_000;
const QUARANTINE_MS = 40_000;
const TERMINATED_PODS_MAX = 12_500;
const OUT_OF_SERVICE = 'node.kubernetes.io/out-of-service';
const KEY = 'collect';

const NODE_GONE: PodCondition = {
  type: 'DisruptionTarget',
  status: 'True',
  reason: 'DeletionByPodGC',
  message: 'PodGC: node no longer exists',
};

const DELETIONS = alpha(
  'pod_gc_collector_force_delete_pods_total',
  'Pods that were to be removed.',
  'namespace',
  'reason',
);
const FAILURES = alpha(
  'pod_gc_collector_force_delete_pod_errors_total',
  'Pods that could not be removed.',
  'namespace',
  'reason',
);

/** `terminatedPodsMax`: finished Pods that may stay; 0 keeps all. */
export function podGcController({
  terminatedPodsMax = TERMINATED_PODS_MAX,
}: {
  readonly terminatedPodsMax?: number;
} = {}): Controller {
  return defineKeyController({
    name: 'pod-garbage-collector',
    queue: 'orphaned_pods_nodes',
    concurrency: 1,
    create: (setup) => create(setup, terminatedPodsMax),
  });
}

function create(setup: Setup, terminatedPodsMax: number): (key: string) => Promise<Result> {
  const pods = setup.watch(POD);
  const nodes = setup.watch(NODE);
  /** Since when a node that Pods name has been missing. */
  const missingSinceMs = new Map<string, number>();
  const metrics = new CollectionMetrics(setup.metrics);
  setup.enqueue(KEY);
  return async () => {
    const nowMs = setup.environment.clock.monotonicMs();
    const world = { pods: pods.list(), nodeOf: (name: string) => nodes.get(name), nowMs };
    quarantine(world, missingSinceMs);
    const victims = planCollection({ ...world, missingSinceMs, terminatedPodsMax });
    await collect(setup, victims, metrics);
    return { requeueAfterMs: CHECK_PERIOD_MS };
  };
}

interface World {
  readonly pods: readonly Pod[];
  readonly nodeOf: (name: string) => Node | undefined;
  readonly nowMs: number;
}

function quarantine({ pods, nodeOf, nowMs }: World, missingSinceMs: Map<string, number>): void {
  const named = new Set(pods.map((pod) => pod.spec?.nodeName ?? '').filter((name) => name !== ''));
  for (const name of named) {
    if (nodeOf(name) === undefined && !missingSinceMs.has(name)) missingSinceMs.set(name, nowMs);
  }
  for (const name of missingSinceMs.keys()) {
    if (!named.has(name) || nodeOf(name) !== undefined) missingSinceMs.delete(name);
  }
}

export interface Victim {
  readonly pod: Pod;
  /** Of those that are orphaned the node must be looked up once more: the cache may be behind. */
  readonly reason: 'terminated' | 'out-of-service' | 'orphaned' | 'unscheduled';
}

class CollectionMetrics {
  readonly #deletions: Counter;
  readonly #failures: Counter;

  constructor(registry: MetricRegistry) {
    this.#deletions = registry.counter(DELETIONS);
    this.#failures = registry.counter(FAILURES);
  }

  removing({ pod, reason }: Victim): void {
    this.#deletions.add([pod.metadata?.namespace ?? '', reason]);
  }

  failed({ pod, reason }: Victim): void {
    this.#failures.add([pod.metadata?.namespace ?? '', reason]);
  }
}

/** Which Pods to remove. Pure. */
export function planCollection(
  world: World & {
    readonly missingSinceMs: ReadonlyMap<string, number>;
    readonly terminatedPodsMax: number;
  },
): Victim[] {
  const { pods, nodeOf, nowMs, missingSinceMs, terminatedPodsMax } = world;
  const victims = new Map<Pod, Victim>();
  const add = (pod: Pod, reason: Victim['reason']): void => {
    if (!victims.has(pod)) victims.set(pod, { pod, reason });
  };
  const finished = pods.filter(isPodTerminal).sort(evictedThenOldest);
  const surplus = terminatedPodsMax > 0 ? Math.max(0, finished.length - terminatedPodsMax) : 0;
  for (const pod of finished.slice(0, surplus)) add(pod, 'terminated');
  for (const pod of pods) {
    const nodeName = pod.spec?.nodeName ?? '';
    const deleting = pod.metadata?.deletionTimestamp !== undefined;
    const node = nodeName === '' ? undefined : nodeOf(nodeName);
    if (deleting && nodeName === '') add(pod, 'unscheduled');
    if (deleting && isOutOfService(node)) add(pod, 'out-of-service');
    const missingMs = missingSinceMs.get(nodeName);
    if (missingMs !== undefined && nowMs - missingMs >= QUARANTINE_MS) add(pod, 'orphaned');
  }
  return [...victims.values()];
}

function isOutOfService(node: Node | undefined): boolean {
  const ready = node?.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
  return !ready && (node?.spec?.taints ?? []).some(({ key }) => key === OUT_OF_SERVICE);
}

function evictedThenOldest(a: Pod, b: Pod): number {
  const evicted = (pod: Pod): number =>
    pod.status?.phase === 'Failed' && pod.status.reason === 'Evicted' ? 0 : 1;
  const [timeA, timeB] = [a.metadata?.creationTimestamp ?? '', b.metadata?.creationTimestamp ?? ''];
  if (evicted(a) !== evicted(b)) return evicted(a) - evicted(b);
  if (timeA !== timeB) return timeA < timeB ? -1 : 1;
  return (a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1;
}

async function collect(
  setup: Setup,
  victims: readonly Victim[],
  metrics: CollectionMetrics,
): Promise<void> {
  const { client, log, environment } = setup;
  const nodeGone = new Map<string, boolean>();
  for (const victim of victims) {
    const { pod, reason } = victim;
    const node = pod.spec?.nodeName ?? '';
    const isOrphaned = reason === 'orphaned';
    try {
      if (isOrphaned && !nodeGone.has(node)) nodeGone.set(node, await isGone(client, node));
      if (isOrphaned && nodeGone.get(node) !== true) continue;
      metrics.removing(victim);
      await failAndDelete(client, pod, {
        condition: isOrphaned ? NODE_GONE : undefined,
        nowMs: environment.clock.now(),
      }).catch((error: unknown) => {
        metrics.failed(victim);
        throw error;
      });
    } catch (error) {
      log.warn('cannot collect pod', {
        pod: pod.metadata?.name,
        namespace: pod.metadata?.namespace,
        error: String(error),
      });
    }
  }
}

async function isGone(client: Client, node: string): Promise<boolean> {
  try {
    await client.get(NODE, node);
    return false;
  } catch (error) {
    if (isNotFound(error)) return true;
    throw error;
  }
}

/** A Pod that did not finish is marked Failed first, so that its owner counts it right. */
async function failAndDelete(
  client: Client,
  pod: Pod,
  { condition, nowMs }: { readonly condition: PodCondition | undefined; readonly nowMs: number },
): Promise<void> {
  const { name = '', namespace = '', uid, generation } = pod.metadata ?? {};
  const target = { name, namespace };
  try {
    if (!isPodTerminal(pod)) {
      const observed = generation === undefined ? {} : { observedGeneration: generation };
      const conditions =
        condition === undefined
          ? {}
          : {
              // Only this one: the others may have changed since.
              conditions: withCondition(
                pod.status?.conditions ?? [],
                { ...condition, ...observed },
                timeText(nowMs),
              ).filter(({ type }) => type === condition.type),
            };
      const status = { phase: 'Failed', ...observed, ...conditions };
      await client.patch(
        POD,
        target,
        'strategic',
        { metadata: { uid }, status },
        { subresource: 'status' },
      );
    }
    await client.delete(POD, target, { gracePeriodSeconds: 0 });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
