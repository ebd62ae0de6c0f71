/**
 * Keeps a number of equal Pods alive: the common body of ReplicaSet and ReplicationController.
 *
 *   owner changed ─────┐
 *   owned Pod changed ─┴─▶ key ─▶ observe ─▶ plan ─▶ act ─▶ report
 *
 * The reported numbers leave out what the pass has just deleted (upstream reports it once more), so
 * that a Deployment never counts a Pod that is going. Upstream:
 * pkg/controller/replicaset/{replica_set,replica_set_utils}.go, v1.36.
 */
import { isPodActive, isPodAvailable, isPodReady, podCondition } from '#api/core/pod-helpers.ts';
import { POD } from '#api/core/pod.ts';
import type { Pod, PodTemplateSpec } from '#api/gen/core-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import { matchesSelector, type Selector } from '#api/meta/labels.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { timeText } from '#api/meta/time.ts';
import { messageOf } from '#base/error.ts';
import type { ResourceType } from '#client/client.ts';
import { CONTROLLER_INDEX, controllerReference } from '#reconcile/claim.ts';
import {
  type Context,
  type Controller,
  defineController,
  owned,
  type Result,
} from '#reconcile/controller.ts';
import { asError, slowStart } from '#reconcile/slow-start.ts';
import { withoutZeros } from './counts.ts';
import { sameMap } from './maps.ts';
import { createPod, deletePod } from './pod-control.ts';
import { rankForDeletion } from './pod-ranking.ts';
import { agesBesideYoungest, ageRatios } from './replicas-metrics.ts';
import { isPodTerminating, nextAvailabilityMs, podFromTemplate } from './pods.ts';

/** Bounds one pass, so that one huge owner cannot starve the others. */
const WRITES_PER_PASS_MAX = 500;

export interface ReplicasCondition {
  type: string;
  status: string;
  lastTransitionTime?: string;
  reason?: string;
  message?: string;
}

export interface ReplicasStatus {
  replicas: number;
  fullyLabeledReplicas?: number;
  readyReplicas?: number;
  availableReplicas?: number;
  terminatingReplicas?: number;
  observedGeneration?: number;
  conditions?: ReplicasCondition[];
}

interface ReplicasOwner extends KubeObject {
  status?: ReplicasStatus;
}

/** What a kind of owner wants, in the words of this file. */
export interface Desired {
  readonly replicas: number;
  readonly minReadySeconds: number;
  readonly selector: Selector | undefined;
  readonly template: PodTemplateSpec;
}

export interface ReplicasFacts<T extends ReplicasOwner> {
  readonly name: string;
  readonly queue?: string;
  readonly type: ResourceType<T>;
  /** ReplicaSets report Pods that are being deleted; ReplicationControllers never did. */
  readonly countsTerminating: boolean;
  desired(owner: T): Desired;
}

export function replicasController<T extends ReplicasOwner>(facts: ReplicasFacts<T>): Controller {
  return defineController<T>({
    name: facts.name,
    ...(facts.queue === undefined ? {} : { queue: facts.queue }),
    for: facts.type,
    staleSubsystem: 'replicaset_controller',
    metrics: ageRatios,
    owns: [owned(POD, isNews)],
    selects: (owner) => facts.desired(owner).selector,
    reconcile: (owner, context) => reconcile(facts, owner, context),
  });
}

/**
 * What a pass looks at. A Pod changes several times, when it gets its node for one, in ways that make
 * no difference to its owner, and a pass looks at each of perhaps thousands of others.
 */
export function isNews(pod: Pod, before: Pod): boolean {
  const ready = podCondition(pod, 'Ready');
  const wasReady = podCondition(before, 'Ready');
  return (
    ready?.status !== wasReady?.status ||
    ready?.lastTransitionTime !== wasReady?.lastTransitionTime ||
    pod.status?.phase !== before.status?.phase ||
    pod.metadata?.deletionTimestamp !== before.metadata?.deletionTimestamp ||
    !sameMap(pod.metadata?.labels, before.metadata?.labels) ||
    !equalValues(pod.metadata?.ownerReferences, before.metadata?.ownerReferences)
  );
}

async function reconcile<T extends ReplicasOwner>(
  facts: ReplicasFacts<T>,
  owner: T,
  context: Context<T>,
): Promise<Result> {
  const desired = facts.desired(owner);
  const pods = await context.claim(POD, owner, desired.selector, { filter: isPodActive });
  const terminating = facts.countsTerminating
    ? terminatingPods(owner, desired, context)
    : undefined;

  const nowMs = context.now();
  const plan = planReplicas({
    owner,
    desired,
    pods,
    related: () => relatedPods(facts, owner, context),
    nowMs,
  });
  if (plan.deletes.length > 0 && plan.deletes.length < pods.length) {
    const ratios = agesBesideYoungest(pods, plan.deletes, nowMs);
    for (const ratio of ratios) ageRatios(context.metrics).observe([], ratio);
  }
  const { failure, deleted } = await act({ facts, owner, desired, plan, context });

  // Report what was observed, without what is gone by now, then let the queue back off on failure.
  const left = pods.filter((pod) => !deleted.has(pod));
  const surplus = pods.length - desired.replicas;
  // What has just been deleted may still run.
  const ending = terminating === undefined ? undefined : terminating.length + deleted.size;
  const observed = { owner, desired, pods: left, terminating: ending };
  const status = replicasStatus({ ...observed, surplus, failure, nowMs });
  if (!equalValues(status, owner.status)) {
    await context.client.update(facts.type, { ...owner, status }, 'status');
  }
  if (failure !== undefined) throw failure;

  // No event fires when a ready Pod becomes available by waiting, so come back for it.
  const waitMs = nextAvailabilityMs(left, desired.minReadySeconds, nowMs);
  return waitMs === undefined ? {} : { requeueAfterMs: waitMs };
}

export interface Plan {
  readonly creates: number;
  readonly deletes: readonly Pod[];
}

/** Decides what one pass will write. Pure, so that a table of worlds can test it. */
export function planReplicas(world: {
  readonly owner: KubeObject;
  readonly desired: Desired;
  readonly pods: readonly Pod[];
  readonly related: () => readonly Pod[];
  readonly nowMs: number;
}): Plan {
  const { owner, desired, pods, related, nowMs } = world;
  // The garbage collector, not this controller, empties an owner that is being deleted.
  if (owner.metadata?.deletionTimestamp !== undefined) return { creates: 0, deletes: [] };
  const missing = desired.replicas - pods.length;
  if (missing >= 0) return { creates: Math.min(missing, WRITES_PER_PASS_MAX), deletes: [] };
  const surplus = Math.min(-missing, WRITES_PER_PASS_MAX);
  const { minReadySeconds } = desired;
  const ranked =
    surplus < pods.length
      ? rankForDeletion(pods, { related: related(), minReadySeconds, nowMs })
      : pods;
  return { creates: 0, deletes: ranked.slice(0, surplus) };
}

interface Outcome {
  /** The first failure. */
  readonly failure: Error | undefined;
  readonly deleted: ReadonlySet<Pod>;
}

/** Writes the plan. */
async function act<T extends ReplicasOwner>(parts: {
  readonly facts: ReplicasFacts<T>;
  readonly owner: T;
  readonly desired: Desired;
  readonly plan: Plan;
  readonly context: Context<T>;
}): Promise<Outcome> {
  const { facts, owner, desired, plan, context } = parts;
  if (plan.creates > 0) {
    const { name = '', namespace = '' } = owner.metadata ?? {};
    const draft = podFromTemplate(desired.template, { name, namespace });
    const ownerReferences = [controllerReference(facts.type, owner)];
    const pod: Pod = { ...draft, metadata: { ...draft.metadata, ownerReferences } };
    const { failure } = await slowStart(plan.creates, () => createPod(pod, owner, context));
    return { failure, deleted: new Set() };
  }
  const outcomes = await Promise.allSettled(
    plan.deletes.map((pod) => deletePod(pod, owner, context)),
  );
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  const deleted = plan.deletes.filter((_, i) => outcomes[i]?.status === 'fulfilled');
  const failure = failed === undefined ? undefined : asError(failed.reason);
  return { failure, deleted: new Set(deleted) };
}

function terminatingPods<T extends ReplicasOwner>(
  owner: T,
  desired: Desired,
  context: Context<T>,
): Pod[] {
  const owned = context.informer(POD).byIndex(CONTROLLER_INDEX, owner.metadata?.uid ?? '');
  const { selector } = desired;
  if (selector === undefined) return [];
  return owned.filter(
    (pod) => isPodTerminating(pod) && matchesSelector(selector, pod.metadata?.labels),
  );
}

/** The Pods of all owners that have the same controller (all ReplicaSets of one Deployment). */
function relatedPods<T extends ReplicasOwner>(
  facts: ReplicasFacts<T>,
  owner: T,
  context: Context<T>,
): Pod[] {
  const controller = owner.metadata?.ownerReferences?.find(
    (reference) => reference.controller === true,
  );
  const siblings =
    controller === undefined
      ? [owner]
      : context.informer(facts.type).byIndex(CONTROLLER_INDEX, controller.uid);
  const pods = context.informer(POD);
  return siblings.flatMap((sibling) => pods.byIndex(CONTROLLER_INDEX, sibling.metadata?.uid ?? ''));
}

/** The status to report. `surplus`: how many Pods too many there were before this pass wrote. */
export function replicasStatus(world: {
  readonly owner: ReplicasOwner;
  readonly desired: Desired;
  readonly pods: readonly Pod[];
  readonly terminating: number | undefined;
  readonly surplus: number;
  readonly failure: Error | undefined;
  readonly nowMs: number;
}): ReplicasStatus {
  const { owner, desired, pods, terminating, surplus, failure, nowMs } = world;
  const conditions = failureCondition(owner.status?.conditions ?? [], { surplus, failure, nowMs });
  const generation = owner.metadata?.generation;
  return {
    replicas: pods.length,
    ...withoutZeros(countReplicas(pods, desired, nowMs)),
    ...(terminating === undefined ? {} : { terminatingReplicas: terminating }),
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    ...(conditions.length === 0 ? {} : { conditions }),
  };
}

/** One look at each Pod: there may be thousands, at each change of one. */
function countReplicas(
  pods: readonly Pod[],
  { template, minReadySeconds }: Desired,
  nowMs: number,
) {
  const labels = Object.entries(template.metadata?.labels ?? {});
  const counts = { fullyLabeledReplicas: 0, readyReplicas: 0, availableReplicas: 0 };
  for (const pod of pods) {
    const its = pod.metadata?.labels;
    if (labels.every(([key, value]) => its?.[key] === value)) counts.fullyLabeledReplicas++;
    if (!isPodReady(pod)) continue;
    counts.readyReplicas++;
    if (minReadySeconds === 0 || isPodAvailable(pod, minReadySeconds, nowMs))
      counts.availableReplicas++;
  }
  return counts;
}

/** Sets ReplicaFailure on the first failure, keeps it while failures go on, then removes it. */
function failureCondition(
  conditions: readonly ReplicasCondition[],
  {
    surplus,
    failure,
    nowMs,
  }: { readonly surplus: number; readonly failure: Error | undefined; readonly nowMs: number },
): ReplicasCondition[] {
  const others = conditions.filter(({ type }) => type !== 'ReplicaFailure');
  if (failure === undefined) return others;
  const known = conditions.find(({ type }) => type === 'ReplicaFailure');
  if (known !== undefined) return [...conditions];
  return [
    ...others,
    {
      type: 'ReplicaFailure',
      status: 'True',
      lastTransitionTime: timeText(nowMs),
      reason: surplus < 0 ? 'FailedCreate' : 'FailedDelete',
      message: messageOf(failure),
    },
  ];
}
