/**
 * Deployment: replaces Pods of an old template by Pods of a new one, within limits.
 *
 *   Deployment changed ───────┐
 *   its ReplicaSets changed ──┼─▶ key ─▶ observe ─▶ plan ─▶ act ─▶ report
 *   a Pod is gone (Recreate) ─┘
 *
 * It owns ReplicaSets, one for each template, and moves numbers between them; the plan is in
 * `deployment/plan.ts`. Upstream: pkg/controller/deployment, v1.36.
 */
import { isPodTerminal } from '#api/core/pod-helpers.ts';
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import { REPLICA_SET } from '#api/apps/replica-set.ts';
import { POD } from '#api/core/pod.ts';
import type { Deployment, DeploymentStatus, ReplicaSet } from '#api/gen/apps-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import { selectorOf } from '#api/meta/labels.ts';
import { controllerOf } from '#api/meta/object.ts';
import { isAlreadyExists, isNotFound } from '#api/meta/status.ts';
import { messageOf } from '#base/error.ts';
import type { Change } from '#client/informer.ts';
import { keyFor } from '#client/informer.ts';
import { CONTROLLER_INDEX } from '#reconcile/claim.ts';
import {
  type Caches,
  type Context,
  defineController,
  owned,
  type Result,
  watch,
} from '#reconcile/controller.ts';
import { progressDeadlineSeconds } from './deployment/limits.ts';
import { type Plan, planCurrentRevision, planDeployment, type World } from './deployment/plan.ts';
import { divide, replicasOf, REVISION, sameTemplate } from './deployment/replica-sets.ts';
import { planRollback, wantedRevision } from './deployment/rollback.ts';
import {
  conditionOf,
  deploymentStatus,
  progressCheckMs,
  rolloutStatus,
  withCondition,
  withPause,
} from './deployment/status.ts';
import { isNamespaceTerminating } from './shared/pod-control.ts';

export const deploymentController = defineController<Deployment>({
  name: 'deployment-controller',
  for: DEPLOYMENT,
  owns: [owned(REPLICA_SET)],
  selects: (deployment) => selectorOf(deployment.spec?.selector),
  watches: [watch<Pod, Deployment>({ type: POD, keys: deploymentOfDeletedPod })],
  reconcile,
});

async function reconcile(deployment: Deployment, context: Context<Deployment>): Promise<Result> {
  try {
    return await sync(deployment, context);
  } catch (error) {
    // In a namespace that is being deleted every create fails: to try again helps nobody.
    if (isNamespaceTerminating(error)) return {};
    throw error;
  }
}

async function sync(deployment: Deployment, context: Context<Deployment>): Promise<Result> {
  if (selectsEverything(deployment)) return refuseToSelectAll(deployment, context);

  // Observe.
  const owned = await context.claim(REPLICA_SET, deployment, selectorOf(deployment.spec?.selector));
  const { newRs, oldRss } = divide(deployment, owned);
  const nowMs = context.now();

  // Plan, then act.
  const world = {
    deployment,
    newRs,
    oldRss,
    oldPodsRunning: () => oldPodsRunning(oldRss, context),
  };
  if (isAskedToGoBack(deployment)) return goBack(world, context);
  const plan = planDeployment(world);
  await act(deployment, plan, context);

  // Report.
  const conditions = conditionsAfter(deployment, plan, nowMs);
  const observed = {
    deployment: { ...deployment, status: { ...deployment.status, conditions } },
    newRs: plan.newRs,
    oldRss: plan.oldRss,
    nowMs,
  };
  const status = plan.isRollout ? rolloutStatus(observed) : deploymentStatus(observed);
  await report(
    deployment,
    { status, revision: plan.newRs?.metadata?.annotations?.[REVISION] },
    context,
  );
  const checkMs = plan.isRollout ? progressCheckMs(deployment, status, nowMs) : undefined;
  return checkMs === undefined ? {} : { requeueAfterMs: checkMs };
}

function isAskedToGoBack(deployment: Deployment): boolean {
  const { metadata, spec } = deployment;
  if (metadata?.deletionTimestamp !== undefined || spec?.paused === true) return false;
  return wantedRevision(deployment) !== undefined;
}

/** Only writes what the Deployment shall be; that change wakes the pass which rolls out. */
async function goBack(world: World, context: Context<Deployment>): Promise<Result> {
  const { deployment } = world;
  const plan = planCurrentRevision(world);
  await act(deployment, plan, context);
  const all = plan.newRs === undefined ? plan.oldRss : [...plan.oldRss, plan.newRs];
  const rollback = planRollback(deployment, wantedRevision(deployment) ?? 0n, all);
  await context.client.update(DEPLOYMENT, rollback.deployment);
  const { type, reason, message } = rollback;
  context.events.event({ about: deployment, type, reason, message });
  return {};
}

/** Only a Pod that is gone matters here: Recreate waits for the last one. */
function deploymentOfDeletedPod(
  change: Change<Pod>,
  { owners, informer }: Caches<Deployment>,
): string[] {
  if (change.type !== 'deleted') return [];
  const { namespace } = change.object.metadata ?? {};
  const rsName = controllerOf(change.object)?.name;
  const rs =
    rsName === undefined ? undefined : informer(REPLICA_SET).get(keyFor(rsName, namespace));
  const name = rs === undefined ? undefined : controllerOf(rs)?.name;
  const key = name === undefined ? undefined : keyFor(name, namespace);
  const waits = key !== undefined && owners.get(key)?.spec?.strategy?.type === 'Recreate';
  return waits ? [key] : [];
}

function selectsEverything({ spec }: Deployment): boolean {
  const { matchLabels, matchExpressions } = spec?.selector ?? {};
  return Object.keys(matchLabels ?? {}).length === 0 && (matchExpressions ?? []).length === 0;
}

async function refuseToSelectAll(
  deployment: Deployment,
  context: Context<Deployment>,
): Promise<Result> {
  const message = 'This deployment is selecting all pods. A non-empty selector is required.';
  context.events.event({ about: deployment, type: 'Warning', reason: 'SelectingAll', message });
  const { generation = 0 } = deployment.metadata ?? {};
  if ((deployment.status?.observedGeneration ?? 0) < generation) {
    const status = { ...deployment.status, observedGeneration: generation };
    await context.client.update(DEPLOYMENT, { ...deployment, status }, 'status');
  }
  return {};
}

function oldPodsRunning(oldRss: readonly ReplicaSet[], context: Context<Deployment>): boolean {
  const pods = context.informer(POD);
  return oldRss.some((rs) =>
    pods.byIndex(CONTROLLER_INDEX, rs.metadata?.uid ?? '').some((pod) => !isPodTerminal(pod)),
  );
}

async function act(
  deployment: Deployment,
  plan: Plan,
  context: Context<Deployment>,
): Promise<void> {
  if (plan.create !== undefined) await create(deployment, plan.create, context);
  for (const { before, after } of plan.updates) {
    await context.client.update(REPLICA_SET, after);
    tellScaling(deployment, context, {
      name: after.metadata?.name,
      from: replicasOf(before),
      to: replicasOf(after),
    });
  }
  for (const { metadata } of plan.deletes) {
    const { name = '', namespace = '' } = metadata ?? {};
    await context.client.delete(REPLICA_SET, { name, namespace }).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  }
}

function tellScaling(
  deployment: Deployment,
  context: Context<Deployment>,
  {
    name,
    from,
    to,
  }: { readonly name: string | undefined; readonly from: number; readonly to: number },
): void {
  if (from === to) return;
  const direction = from < to ? 'up' : 'down';
  const message = `Scaled ${direction} replica set ${name ?? ''} from ${from} to ${to}`;
  context.events.event({ about: deployment, type: 'Normal', reason: 'ScalingReplicaSet', message });
}

async function create(
  deployment: Deployment,
  rs: ReplicaSet,
  context: Context<Deployment>,
): Promise<void> {
  try {
    await context.client.create(REPLICA_SET, rs);
    tellScaling(deployment, context, { name: rs.metadata?.name, from: 0, to: replicasOf(rs) });
  } catch (error) {
    if (isNamespaceTerminating(error)) throw error;
    if (isAlreadyExists(error)) return resolveCollision(deployment, rs, { error, context });
    await reportCreateError(deployment, rs, { error, context });
    throw error;
  }
}

/**
 * The name is taken. By this Deployment with this template: then the cache was late, and all is
 * well. Otherwise by another template with the same hash, and the next pass takes another name.
 */
async function resolveCollision(
  deployment: Deployment,
  rs: ReplicaSet,
  { error, context }: { readonly error: unknown; readonly context: Context<Deployment> },
): Promise<void> {
  const { name = '', namespace } = rs.metadata ?? {};
  const there = await context.client.get(REPLICA_SET, name, namespace);
  const mine = controllerOf(there)?.uid === deployment.metadata?.uid;
  if (mine && sameTemplate(there.spec?.template, deployment.spec?.template)) return;
  const collisionCount = (deployment.status?.collisionCount ?? 0) + 1;
  const status = { ...deployment.status, collisionCount };
  await context.client.update(DEPLOYMENT, { ...deployment, status }, 'status');
  throw error;
}

async function reportCreateError(
  deployment: Deployment,
  rs: ReplicaSet,
  { error, context }: { readonly error: unknown; readonly context: Context<Deployment> },
): Promise<void> {
  const reason = 'ReplicaSetCreateError';
  const cause = messageOf(error);
  const message = `Failed to create new replica set ${JSON.stringify(rs.metadata?.name ?? '')}: ${cause}`;
  context.events.event({ about: deployment, type: 'Warning', reason, message });
  if (progressDeadlineSeconds(deployment) === undefined) return;
  const condition = { type: 'Progressing', status: 'False', reason, message } as const;
  const conditions = withCondition(deployment.status?.conditions ?? [], condition, context.now());
  const status = { ...deployment.status, conditions };
  if (equalValues(status, deployment.status)) return;
  await context.client
    .update(DEPLOYMENT, { ...deployment, status }, 'status')
    .catch((failure: unknown) => {
      context.log.debug('cannot report create error', { error: String(failure) });
    });
}

/** The conditions that the plan itself sets, before progress is judged. */
function conditionsAfter(
  deployment: Deployment,
  plan: Plan,
  nowMs: number,
): NonNullable<DeploymentStatus['conditions']> {
  const conditions = withPause(deployment, nowMs);
  if (progressDeadlineSeconds(deployment) === undefined || plan.newRs === undefined)
    return conditions;
  const name = JSON.stringify(plan.newRs.metadata?.name ?? '');
  const base = { type: 'Progressing', status: 'True' } as const;
  if (plan.create !== undefined) {
    const condition = {
      ...base,
      reason: 'NewReplicaSetCreated',
      message: `Created new replica set ${name}`,
    };
    return withCondition(conditions, condition, nowMs);
  }
  if (conditionOf(conditions, 'Progressing') !== undefined) return conditions;
  const condition = {
    ...base,
    reason: 'FoundNewReplicaSet',
    message: `Found new replica set ${name}`,
  };
  return withCondition(conditions, condition, nowMs);
}

/**
 * Writes what changed, as one write of the status: it may carry annotations too, and the revision
 * (which kubectl's rollout commands read) must not count as a change of what the user wants.
 */
async function report(
  deployment: Deployment,
  next: { readonly status: DeploymentStatus; readonly revision: string | undefined },
  context: Context<Deployment>,
): Promise<void> {
  const { annotations } = deployment.metadata ?? {};
  const going = deployment.metadata?.deletionTimestamp !== undefined;
  const revision = going ? annotations?.[REVISION] : (next.revision ?? annotations?.[REVISION]);
  if (revision === annotations?.[REVISION] && equalValues(next.status, deployment.status)) return;
  const marked =
    revision === undefined ? {} : { annotations: { ...annotations, [REVISION]: revision } };
  const metadata = { ...deployment.metadata, ...marked };
  await context.client.update(
    DEPLOYMENT,
    { ...deployment, metadata, status: next.status },
    'status',
  );
}
