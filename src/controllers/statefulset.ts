/**
 * StatefulSet: numbered Pods, each with a name and claims that outlive it.
 *
 *   StatefulSet changed ─────────────┐
 *   its Pods or revisions changed ───┼─▶ key ─▶ observe ─▶ plan ─▶ act ─▶ report
 *   a claim of it is gone ───────────┘
 *
 * The plan is in `statefulset/plan.ts`. Upstream: pkg/controller/statefulset, v1.36.
 */
import { CONTROLLER_REVISION } from '#api/apps/controller-revision.ts';
import { STATEFUL_SET } from '#api/apps/stateful-set.ts';
import { PERSISTENT_VOLUME_CLAIM } from '#api/core/persistent-volume-claim.ts';
import { POD } from '#api/core/pod.ts';
import type { ControllerRevision, StatefulSet, StatefulSetStatus } from '#api/gen/apps-v1.ts';
import type { PersistentVolumeClaim, Pod } from '#api/gen/core-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import { matchesSelector, selectorOf } from '#api/meta/labels.ts';
import { type Change, keyFor, keyOf } from '#client/informer.ts';
import {
  type Caches,
  type Context,
  type Controller,
  defineController,
  owned,
  type Result,
  watch,
} from '#reconcile/controller.ts';
import { deleteRevisions, sortRevisions } from './shared/history.ts';
import { nextAvailabilityMs } from './shared/pods.ts';
import { act } from './statefulset/act.ts';
import { isMember } from './statefulset/identity.ts';
import { showUnavailable, statefulSetMetrics } from './statefulset/metrics.ts';
import { planStatefulSet } from './statefulset/plan.ts';
import { type Found, findRevisions, setAt, superfluousRevisions } from './statefulset/revisions.ts';
import { type Revisions, statefulSetStatus } from './statefulset/status.ts';
import { maxUnavailable } from './statefulset/update.ts';

export interface StatefulSetOptions {
  /** Gate MaxUnavailableStatefulSet, off by default: more than one Pod may be updated at once. */
  readonly allowsMaxUnavailable?: boolean;
}

export function statefulSetController(options: StatefulSetOptions = {}): Controller {
  return defineController<StatefulSet>({
    name: 'statefulset-controller',
    for: STATEFUL_SET,
    owns: [owned(POD), owned(CONTROLLER_REVISION)],
    selects: (set) => selectorOf(set.spec?.selector),
    watches: [
      watch<PersistentVolumeClaim, StatefulSet>({
        type: PERSISTENT_VOLUME_CLAIM,
        keys: setsOfGoneClaim,
      }),
    ],
    metrics: statefulSetMetrics,
    reconcile: (set, context) => reconcile(set, context, options),
  });
}

type Ctx = Context<StatefulSet>;

async function reconcile(
  set: StatefulSet,
  context: Ctx,
  { allowsMaxUnavailable = false }: StatefulSetOptions,
): Promise<Result> {
  // Observe.
  const selector = selectorOf(set.spec?.selector);
  const revisions = sortRevisions(
    await context.claim(CONTROLLER_REVISION, set, selector, {
      // Unlike a Pod, a revision that no longer matches is not given away.
      filter: ({ metadata }) =>
        selector !== undefined && matchesSelector(selector, metadata?.labels),
    }),
  );
  const pods = await context.claim(POD, set, selector, { matches: (pod) => isMember(set, pod) });
  if (set.metadata?.deletionTimestamp !== undefined) return reportGoing(set, pods, context);
  const found = await findRevisions(context.client, set, revisions);
  const names = namesOf(found);
  const nowMs = context.now();

  // Plan, then act. The failure is kept, because the status must be reported either way.
  const claims = context.informer(PERSISTENT_VOLUME_CLAIM);
  const plan = planStatefulSet({
    set,
    currentSet: setAt(set, found.current),
    updateSet: setAt(set, found.update),
    revisions: names,
    pods,
    claimOf: (name) => claims.get(keyFor(name, set.metadata?.namespace)),
    nowMs,
    allowsMaxUnavailable,
  });
  const { failure, updated } = await act(set, plan, context);
  if (allowsMaxUnavailable) {
    const { unavailable } = plan;
    showUnavailable(context.metrics, set, { limit: maxUnavailable(set), unavailable });
  }

  // Report.
  const counted = { set, pods: plan.pods, revisions: names, updated, nowMs };
  await report(set, statefulSetStatus(counted), context);
  await truncate(set, { revisions, found, pods }, context);
  if (failure !== undefined) throw failure;

  // No event fires when a ready Pod becomes available by waiting, so come back for it.
  const waitMs = nextAvailabilityMs(pods, set.spec?.minReadySeconds ?? 0, nowMs);
  return waitMs === undefined ? {} : { requeueAfterMs: waitMs };
}

function namesOf({ current, update, collisionCount }: Found): Revisions {
  return {
    current: current.metadata?.name ?? '',
    update: update.metadata?.name ?? '',
    collisionCount,
  };
}

/** A set that is being deleted is left to the garbage collector; its history may be gone by now. */
async function reportGoing(set: StatefulSet, pods: readonly Pod[], context: Ctx): Promise<Result> {
  const { currentRevision = '', updateRevision = '', collisionCount = 0 } = set.status ?? {};
  const revisions = { current: currentRevision, update: updateRevision, collisionCount };
  const facts = { set, pods, revisions, updated: 0, nowMs: context.now() };
  await report(set, statefulSetStatus(facts), context);
  return {};
}

async function report(set: StatefulSet, status: StatefulSetStatus, context: Ctx): Promise<void> {
  if (equalValues(status, set.status)) return;
  await context.client.update(STATEFUL_SET, { ...set, status }, 'status');
}

async function truncate(
  set: StatefulSet,
  history: {
    readonly revisions: readonly ControllerRevision[];
    readonly found: Found;
    readonly pods: readonly Pod[];
  },
  context: Ctx,
): Promise<void> {
  const { revisions, found, pods } = history;
  const past = superfluousRevisions(set, revisions, { ...found, pods });
  await deleteRevisions(context.client, past);
}

/** A Pod that waits for its claim, or for an old claim to go, has nothing else to wake it. */
function setsOfGoneClaim(
  { type, object }: Change<PersistentVolumeClaim>,
  { owners }: Caches<StatefulSet>,
): string[] {
  if (type !== 'deleted') return [];
  const { name = '', namespace } = object.metadata ?? {};
  return owners
    .list(namespace)
    .filter(({ metadata, spec }) =>
      (spec?.volumeClaimTemplates ?? []).some((template) =>
        name.startsWith(`${template.metadata?.name ?? ''}-${metadata?.name ?? ''}-`),
      ),
    )
    .map(keyOf);
}
