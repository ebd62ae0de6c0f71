/**
 * Taint eviction: deletes Pods from nodes whose NoExecute taints they do not tolerate, or no longer
 * tolerate when their `tolerationSeconds` are over.
 *
 * Upstream: pkg/controller/tainteviction/taint_eviction.go, v1.36.
 */
import { NODE } from '#api/core/node.ts';
import { POD } from '#api/core/pod.ts';
import { withCondition } from '#api/core/pod-helpers.ts';
import { tolerates } from '#api/core/taints.ts';
import type { Node, Pod, Taint, Toleration } from '#api/gen/core-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import { isNotFound } from '#api/meta/status.ts';
import { timeText } from '#api/meta/time.ts';
import { type Change, type Informer, keyOf, splitKey } from '#client/informer.ts';
import {
  type Controller,
  defineKeyController,
  type Pass,
  type Result,
  type Setup,
} from '#reconcile/controller.ts';
import { EvictionMetrics } from './shared/eviction-metrics.ts';

const BY_NODE = 'node';

export const taintEvictionController: Controller = defineKeyController({
  name: 'taint-eviction-controller',
  queue: 'noexec_taint_pod',
  identity: 'node-controller',
  create,
});

function create(setup: Setup): (key: string, pass: Pass) => Promise<Result> {
  const pods = setup.watch(POD, keysOfPod);
  pods.index(BY_NODE, (pod) => [pod.spec?.nodeName ?? '']);
  const nodes = setup.watch(NODE, (change) => keysOfNode(change, pods));
  /** Evictions that are due later: since when they have been. */
  const scheduled = new Map<string, number>();
  const metrics = new EvictionMetrics(setup.metrics, 'taint_eviction_controller');
  const { clock } = setup.environment;
  return async (key, pass) => {
    const pod = pods.get(key);
    const node = pod === undefined ? undefined : nodes.get(pod.spec?.nodeName ?? '');
    // Not the wall clock, which may be set: a toleration would be over at once.
    const nowMs = clock.monotonicMs();
    const sinceMs = scheduled.get(key);
    const plan = planEviction(pod, node, { nowMs, sinceMs });
    if (plan.kind === 'keep') {
      if (scheduled.delete(key) && pod !== undefined)
        tell(setup, pod, `Cancelling deletion of Pod ${key}`);
      return {};
    }
    if (plan.kind === 'later') {
      scheduled.set(key, plan.sinceMs);
      return { requeueAfterMs: plan.atMs - nowMs };
    }
    if (pod !== undefined && (await evict(setup, pod, pass)))
      metrics.podDeleted(clock.monotonicMs() - plan.atMs);
    // Not before: who could not be evicted must not begin to be patient again.
    scheduled.delete(key);
    return {};
  };
}

export type EvictionPlan =
  | { readonly kind: 'keep' }
  /** `atMs`: since when it has been due. */
  | { readonly kind: 'now'; readonly atMs: number }
  | { readonly kind: 'later'; readonly sinceMs: number; readonly atMs: number };

/** What to do with one Pod. Pure. `sinceMs`: since when an eviction has been pending. */
export function planEviction(
  pod: Pod | undefined,
  node: Node | undefined,
  { nowMs, sinceMs }: { readonly nowMs: number; readonly sinceMs: number | undefined },
): EvictionPlan {
  const taints = noExecuteTaints(node);
  if (pod === undefined || pod.metadata?.deletionTimestamp !== undefined || taints.length === 0) {
    return { kind: 'keep' };
  }
  const used: Toleration[] = [];
  for (const taint of taints) {
    const toleration = pod.spec?.tolerations?.find((candidate) => tolerates(candidate, taint));
    if (toleration === undefined) return { kind: 'now', atMs: nowMs };
    used.push(toleration);
  }
  const seconds = used.flatMap(({ tolerationSeconds }) =>
    tolerationSeconds === undefined ? [] : [tolerationSeconds],
  );
  if (seconds.length === 0) return { kind: 'keep' };
  const startMs = sinceMs ?? nowMs;
  const atMs = startMs + Math.max(0, Math.min(...seconds)) * 1000;
  return atMs <= nowMs ? { kind: 'now', atMs } : { kind: 'later', sinceMs: startMs, atMs };
}

function noExecuteTaints(node: Node | undefined): Taint[] {
  return (node?.spec?.taints ?? []).filter(({ effect }) => effect === 'NoExecute');
}

function keysOfNode({ key, object, previous }: Change<Node>, pods: Informer<Pod>): string[] {
  if (equalValues(noExecuteTaints(object), noExecuteTaints(previous))) return [];
  return pods.byIndex(BY_NODE, key).map(keyOf);
}

function keysOfPod({ type, key, object, previous }: Change<Pod>): string[] {
  if ((object.spec?.nodeName ?? '') === '') return [];
  const same =
    type === 'modified' &&
    previous?.spec?.nodeName === object.spec?.nodeName &&
    equalValues(previous?.spec?.tolerations, object.spec?.tolerations);
  return same ? [] : [key];
}

function tell(setup: Setup, pod: Pod, message: string): void {
  const reference = { apiVersion: 'v1', kind: 'Pod', ...splitKey(keyOf(pod)) };
  setup.events.event({
    about: { reference },
    type: 'Normal',
    reason: 'TaintManagerEviction',
    message,
  });
}

/** False: it was gone. */
async function evict(setup: Setup, pod: Pod, { client }: Pass): Promise<boolean> {
  tell(setup, pod, `Marking for deletion Pod ${keyOf(pod)}`);
  const { uid, generation } = pod.metadata ?? {};
  const target = splitKey(keyOf(pod));
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'DeletionByTaintManager',
    message: 'Taint manager: deleting due to NoExecute taint',
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  };
  const now = timeText(setup.environment.clock.now());
  const [patched] = withCondition([], condition, now);
  try {
    const patch = { metadata: { uid }, status: { conditions: [patched] } };
    await client.patch(POD, target, 'strategic', patch, { subresource: 'status' });
    await client.delete(POD, target);
    return true;
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return false;
  }
}
