/**
 * DaemonSet: one Pod on each node that its template may run on.
 *
 *   DaemonSet changed ───────────────┐
 *   its Pods or revisions changed ───┼─▶ key ─▶ observe ─▶ plan ─▶ act ─▶ report
 *   a node became (un)fit for it ────┘
 *
 * The plan is in `daemonset/plan.ts`. Upstream: pkg/controller/daemon, v1.36.
 */
import { CONTROLLER_REVISION } from '#api/apps/controller-revision.ts';
import { DAEMON_SET } from '#api/apps/daemon-set.ts';
import { NODE } from '#api/core/node.ts';
import { POD } from '#api/core/pod.ts';
import type { ControllerRevision, DaemonSet } from '#api/gen/apps-v1.ts';
import type { Node, Pod } from '#api/gen/core-v1.ts';
import { equalJson, equalValues } from '#api/meta/equal.ts';
import { labelSelectorMatches, selectorOf } from '#api/meta/labels.ts';
import { controllerOf } from '#api/meta/object.ts';
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
import { asError, slowStart } from '#reconcile/slow-start.ts';
import { FailedPods } from './daemonset/failed-pods.ts';
import { isSpent, judgeOf, podsByNode } from './daemonset/nodes.ts';
import { type Ended, type Plan, planDaemonSet } from './daemonset/plan.ts';
import { findHistory, hashOf, type History, superfluousRevisions } from './daemonset/revisions.ts';
import { daemonSetStatus, type StatusFacts } from './daemonset/status.ts';
import { podFor } from './daemonset/template.ts';
import { deleteRevisions } from './shared/history.ts';
import { createPod, deletePod } from './shared/pod-control.ts';
import { nextAvailabilityMs } from './shared/pods.ts';

export function daemonSetController(): Controller {
  const failures = new FailedPods();
  return defineController<DaemonSet>({
    name: 'daemonset-controller',
    identity: 'daemon-set-controller',
    for: DAEMON_SET,
    staleSubsystem: 'daemonset_controller',
    owns: [owned(POD)],
    selects: (set) => selectorOf(set.spec?.selector),
    watches: [
      watch<Node, DaemonSet>({ type: NODE, keys: setsOfNode }),
      watch<ControllerRevision, DaemonSet>({ type: CONTROLLER_REVISION, keys: setsOfRevision }),
    ],
    reconcile: (set, context) => reconcile(set, context, failures),
  });
}

type Ctx = Context<DaemonSet>;

async function reconcile(set: DaemonSet, context: Ctx, failures: FailedPods): Promise<Result> {
  // The garbage collector may have taken the history of one that is being deleted.
  if (set.metadata?.deletionTimestamp !== undefined) return {};

  // Observe.
  const selector = selectorOf(set.spec?.selector);
  const pods = await context.claim(POD, set, selector);
  const revisions = await context.claim(CONTROLLER_REVISION, set, selector);
  const history = await findHistory(context.client, set, { revisions, pods });
  const observed: StatusFacts = {
    set,
    nodes: judge(set, context.informer(NODE).list()),
    pods: podsByNode(pods.filter((pod) => !isSpent(pod))),
    hash: hashOf(history.current),
    nowMs: context.now(),
  };

  // Plan, then act. The failure is kept, because the status must be reported either way.
  const backoffKey = (node: string): string =>
    `${set.metadata?.uid ?? ''}/${set.status?.observedGeneration ?? 0}/${node}`;
  const backoffMs = (node: string): number => failures.leftMs(backoffKey(node), observed.nowMs);
  const plan = planDaemonSet({ ...observed, backoffMs });
  for (const { node, failed } of plan.ended)
    if (failed) failures.deleted(backoffKey(node), observed.nowMs);
  const failure = await act(set, { plan, hash: observed.hash, context });
  if (failure === undefined) await cleanHistory(set, { history, pods, context });

  // Report.
  const status = daemonSetStatus(observed);
  if (!equalValues(status, set.status))
    await context.client.update(DAEMON_SET, { ...set, status }, 'status');
  if (failure !== undefined) throw failure;

  // No event fires when a ready Pod becomes available, or a failed one is due, by waiting.
  const readyMs = nextAvailabilityMs(pods, set.spec?.minReadySeconds ?? 0, observed.nowMs);
  const waits = [readyMs, plan.waitMs].filter((waitMs) => waitMs !== undefined);
  return waits.length === 0 ? {} : { requeueAfterMs: Math.min(...waits) };
}

/** What each node is to the set, in the order of names. */
function judge(set: DaemonSet, nodes: readonly Node[]): StatusFacts['nodes'] {
  const verdictOn = judgeOf(set);
  const named = nodes.map((node) => [node.metadata?.name ?? '', verdictOn(node)] as const);
  return new Map(named.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Writes the plan; gives the first failure. */
async function act(
  set: DaemonSet,
  { plan, hash, context }: { readonly plan: Plan; readonly hash: string; readonly context: Ctx },
): Promise<Error | undefined> {
  for (const ended of plan.ended) tellEnded(set, ended, context);
  const { failure } = await slowStart(plan.creates.length, (nth) =>
    createPod(podFor(set, plan.creates[nth] ?? '', hash), set, context),
  );
  const outcomes = await Promise.allSettled(
    plan.deletes.map((pod) => deletePod(pod, set, context)),
  );
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  return failure ?? (failed === undefined ? undefined : asError(failed.reason));
}

function tellEnded(set: DaemonSet, { pod, node, failed }: Ended, context: Ctx): void {
  const name = `${pod.metadata?.namespace ?? ''}/${pod.metadata?.name ?? ''}`;
  const [type, reason, message] = failed
    ? ([
        'Warning',
        'FailedDaemonPod',
        `Found failed daemon pod ${name} on node ${node}, will try to kill it`,
      ] as const)
    : ([
        'Normal',
        'SucceededDaemonPod',
        `Found succeeded daemon pod ${name} on node ${node}, will try to delete it`,
      ] as const);
  context.events.event({ about: set, type, reason, message });
}

async function cleanHistory(
  set: DaemonSet,
  facts: { readonly history: History; readonly pods: readonly Pod[]; readonly context: Ctx },
): Promise<void> {
  const past = superfluousRevisions(set, facts.history.old, facts.pods);
  await deleteRevisions(facts.context.client, past);
}

/**
 * A revision that was made for a set wakes nobody, for it was the set's own pass that made it; one
 * that somebody else made is looked at when there is another reason to.
 */
function setsOfRevision(
  { type, object, previous }: Change<ControllerRevision>,
  { owners }: Caches<DaemonSet>,
): string[] {
  const { namespace, labels } = object.metadata ?? {};
  const [owner, before] = [controllerOf(object), previous && controllerOf(previous)];
  if (type === 'added' && owner !== undefined) return [];
  const keys = [owner, before].flatMap((reference) =>
    reference?.kind === DAEMON_SET.kind ? [keyFor(reference.name, namespace)] : [],
  );
  if (owner !== undefined || type === 'deleted') return keys;
  const adopters = owners
    .list(namespace)
    .filter(({ spec }) => labelSelectorMatches(spec?.selector, labels));
  return [...keys, ...adopters.map(keyOf)];
}

/** A node matters when it has become another thing to a set than it was. */
function setsOfNode(
  { type, object, previous }: Change<Node>,
  { owners }: Caches<DaemonSet>,
): string[] {
  const before = previous ?? (type === 'deleted' ? object : undefined);
  const after = type === 'deleted' ? undefined : object;
  if (before !== undefined && after !== undefined && sameFacts(before, after)) return [];
  return owners
    .list()
    .filter((set) => {
      const verdictOn = judgeOf(set);
      const verdict = (node: Node | undefined): object =>
        node === undefined ? { shouldRun: false, mayStay: false } : verdictOn(node);
      return !equalJson(verdict(before), verdict(after));
    })
    .map(keyOf);
}

/** Nothing else of a node is looked at. */
function sameFacts(a: Node, b: Node): boolean {
  return (
    equalValues(a.metadata?.labels, b.metadata?.labels) &&
    equalValues(a.spec?.taints, b.spec?.taints)
  );
}
