/**
 * Job: runs Pods to their end, as many successes as it asks for, each counted once.
 *
 *   Job changed ───────────────┐
 *   its Pods changed (1 s) ────┼─▶ key ─▶ observe ─▶ judge ─▶ plan ─▶ act ─▶ count and report
 *   back-off or deadline over ─┘
 *   Pod without a Job that would count it ─▶ orphan key ─▶ its finalizer is removed
 *
 * A pass is in `job/sync.ts`. Upstream: pkg/controller/job, v1.36; KEPs 2307, 2214, 2232, 3329,
 * 3715, 3850, 3939, 3998, 4368.
 */
import { JOB } from '#api/batch/job.ts';
import { POD } from '#api/core/pod.ts';
import type { Job } from '#api/gen/batch-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { matchesSelector, selectorOf } from '#api/meta/labels.ts';
import { controllerOf } from '#api/meta/object.ts';
import { type Change, type Informer, keyFor, keyOf } from '#client/informer.ts';
import { CONTROLLER_INDEX, controllerIndex } from '#reconcile/claim.ts';
import {
  type Controller,
  defineKeyController,
  type Reconcile,
  type Setup,
} from '#reconcile/controller.ts';
import { JobMemories } from './job/memory.ts';
import { JobMetrics } from './job/metrics.ts';
import { OrphanPods } from './job/orphans.ts';
import { isTracked } from './job/pods.ts';
import { isFinished, isManagedElsewhere } from './job/questions.ts';
import { BATCH_MS, syncJob } from './job/sync.ts';
import { sameMap } from './shared/maps.ts';

/** Before the key of a Pod: no key of a Job starts so. */
const ORPHAN = 'orphan ';

export const jobController: Controller = defineKeyController({
  name: 'job-controller',
  staleSubsystem: 'job_controller',
  backoff: { firstMs: 1_000, msMax: 60_000 },
  create,
});

function create(setup: Setup): Reconcile {
  const memories = new JobMemories();
  const metrics = new JobMetrics(setup.metrics);
  const { clock } = setup.environment;
  const jobs = setup.watch(JOB);
  const pods = setup.watch(POD);
  pods.index(CONTROLLER_INDEX, controllerIndex);
  const orphans = new OrphanPods({ jobs, pods });
  const caches: Caches = { jobs, pods, orphans, metrics };
  setup.watch(JOB, (change) => jobChanged(change, caches, setup));
  setup.watch(POD, (change) => podChanged(change, caches, setup));
  return async (key, { client }) => {
    if (key.startsWith(ORPHAN)) {
      await orphans.release(key.slice(ORPHAN.length), client);
      return {};
    }
    const job = jobs.get(key);
    if (job === undefined || isFinished(job) || isManagedElsewhere(job)) {
      memories.forget(key);
      return {};
    }
    const memory = memories.of(key, job.metadata?.uid ?? '');
    const parts = { client, events: setup.events, pods, memory, metrics, nowMs: clock.now() };
    return metrics.sync(job, clock, (note) => syncJob(job, { ...parts, note }));
  };
}

interface Caches {
  readonly jobs: Informer<Job>;
  readonly pods: Informer<Pod>;
  readonly orphans: OrphanPods;
  readonly metrics: JobMetrics;
}

/** What the user changed is looked at now; what only the status tells can wait. */
function jobChanged(
  change: Change<Job>,
  { pods, orphans, metrics }: Caches,
  setup: Setup,
): string[] {
  const { type, key, object, previous } = change;
  metrics.jobSeen(change, isManagedElsewhere(object));
  const { uid = '', generation } = object.metadata ?? {};
  const isOver = type === 'deleted' || isFinished(object);
  if (type === 'deleted') orphans.jobGone(uid);
  if (isOver) {
    for (const pod of pods.byIndex(CONTROLLER_INDEX, uid))
      if (isTracked(pod)) setup.enqueue(ORPHAN + keyOf(pod), BATCH_MS);
  }
  if (isOver || previous === undefined || previous.metadata?.generation !== generation)
    return [key];
  setup.enqueue(key, BATCH_MS);
  return [];
}

function podChanged(
  change: Change<Pod>,
  { jobs, orphans, metrics }: Caches,
  setup: Setup,
): string[] {
  metrics.podSeen(change);
  const { type, key, object, previous } = change;
  for (const job of new Set([...ownerKeys(object), ...ownerKeys(previous)]))
    setup.enqueue(job, BATCH_MS);
  if (type === 'deleted') return [];
  if (controllerOf(object) === undefined && isOrphanNews(change)) {
    const { namespace, labels } = object.metadata ?? {};
    for (const job of jobs.list(namespace)) {
      const selector = selectorOf(job.spec?.selector);
      if (selector !== undefined && matchesSelector(selector, labels))
        setup.enqueue(keyOf(job), BATCH_MS);
    }
  }
  return orphans.mayBeOrphan(object) ? [ORPHAN + key] : [];
}

/** Whether somebody could want to adopt it who did not before. */
function isOrphanNews({ object, previous }: Change<Pod>): boolean {
  return (
    previous === undefined ||
    controllerOf(previous) !== undefined ||
    !sameMap(previous.metadata?.labels, object.metadata?.labels)
  );
}

function ownerKeys(pod: Pod | undefined): string[] {
  const owner = pod === undefined ? undefined : controllerOf(pod);
  return owner?.kind === JOB.kind ? [keyFor(owner.name, pod?.metadata?.namespace)] : [];
}
