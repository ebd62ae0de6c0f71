/**
 * CronJob: makes a Job at each time of its schedule.
 *
 *   CronJob changed ────────────────────┐
 *   its Jobs changed ───────────────────┼─▶ key ─▶ account ─▶ which time is due ─▶ start ─▶ report
 *   the next time of the schedule comes ┘
 *
 * A CronJob without a time zone goes by UTC. Upstream: pkg/controller/cronjob, v1.36.
 */
import { CRON_JOB } from '#api/batch/cron-job.ts';
import { JOB } from '#api/batch/job.ts';
import { ScheduleError } from '#api/batch/schedule.ts';
import type { CronJob, Job } from '#api/gen/batch-v1.ts';
import { controllerOf } from '#api/meta/object.ts';
import { type Change, keyFor } from '#client/informer.ts';
import { CONTROLLER_INDEX, controllerIndex } from '#reconcile/claim.ts';
import {
  type Controller,
  defineKeyController,
  type Reconcile,
  type Setup,
} from '#reconcile/controller.ts';
import { CronJobMetrics } from './cronjob/metrics.ts';
import { untilNextMs } from './cronjob/missed.ts';
import { CronPass, syncCronJob } from './cronjob/sync.ts';
import { timetableOf } from './cronjob/timetable.ts';

export const cronJobController: Controller = defineKeyController({
  name: 'cronjob-controller',
  create,
});

function create(setup: Setup): Reconcile {
  const { events, environment } = setup;
  const metrics = new CronJobMetrics(setup.metrics);
  const cronJobs = setup.watch(CRON_JOB, (change) => cronJobChanged(change, setup));
  const jobs = setup.watch(JOB, ownersOf);
  jobs.index(CONTROLLER_INDEX, controllerIndex);
  return async (key, { client }) => {
    const cronJob = cronJobs.get(key);
    if (cronJob === undefined) return {};
    const nowMs = environment.clock.now();
    const pass = new CronPass(cronJob, { client, events, metrics, nowMs });
    return syncCronJob(pass, jobs.byIndex(CONTROLLER_INDEX, cronJob.metadata?.uid ?? ''));
  };
}

/** Times of a new schedule that are over already do not count as missed: it is looked at later. */
function cronJobChanged({ key, object, previous }: Change<CronJob>, setup: Setup): string[] {
  const [spec, old] = [object.spec, previous?.spec];
  const isSame = spec?.schedule === old?.schedule && spec?.timeZone === old?.timeZone;
  if (previous === undefined || isSame) return [key];
  try {
    const timetable = timetableOf(spec?.schedule ?? '', spec?.timeZone);
    const waitMs = untilNextMs(object, timetable, setup.environment.clock.now());
    if (waitMs !== undefined) setup.enqueue(key, waitMs);
  } catch (error) {
    if (!(error instanceof ScheduleError)) throw error;
    const message = `unparseable schedule for cronjob: ${spec?.schedule}`;
    const reason = 'UnParseableCronJobSchedule';
    setup.events.event({ about: object, type: 'Warning', reason, message });
  }
  return [];
}

function ownersOf({ object, previous }: Change<Job>): Set<string> {
  const keys = new Set<string>();
  for (const job of [object, previous]) {
    const owner = job === undefined ? undefined : controllerOf(job);
    if (owner?.kind === CRON_JOB.kind) keys.add(keyFor(owner.name, job?.metadata?.namespace));
  }
  return keys;
}
