/**
 * One pass of a CronJob: forget old Jobs, account for those there are, start the one that is due.
 *
 * Upstream: syncCronJob in pkg/controller/cronjob/cronjob_controllerv2.go, v1.36.
 */
import { CRON_JOB } from '#api/batch/cron-job.ts';
import { JOB } from '#api/batch/job.ts';
import { ScheduleError } from '#api/batch/schedule.ts';
import type { CronJob, CronJobStatus, Job } from '#api/gen/batch-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import { isNotFound } from '#api/meta/status.ts';
import { messageOf } from '#base/error.ts';
import type { Client } from '#client/client.ts';
import type { EventRecorder } from '#client/events.ts';
import type { Result } from '#reconcile/controller.ts';
import { asError } from '#reconcile/slow-start.ts';
import { account, hasEnded, jobsToForget, withoutActive } from './history.ts';
import type { CronJobMetrics } from './metrics.ts';
import { missedTimes, untilNextMs } from './missed.ts';
import { isOurs, startJob, takeUp } from './start.ts';
import { jobName } from './job-template.ts';
import { type Timetable, timetableOf } from './timetable.ts';
import { isZone } from './zone.ts';

const HELP =
  'see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details';

/** One pass: the status changes as it goes on, and is written once, whatever happens. */
export class CronPass {
  readonly client: Client;
  readonly cronJob: CronJob;
  readonly nowMs: number;
  readonly metrics: CronJobMetrics;
  status: CronJobStatus;
  readonly #events: EventRecorder;

  constructor(
    cronJob: CronJob,
    parts: {
      readonly client: Client;
      readonly events: EventRecorder;
      readonly metrics: CronJobMetrics;
      readonly nowMs: number;
    },
  ) {
    this.cronJob = cronJob;
    this.status = cronJob.status ?? {};
    this.client = parts.client;
    this.nowMs = parts.nowMs;
    this.metrics = parts.metrics;
    this.#events = parts.events;
  }

  tell(type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#events.event({ about: this.cronJob, type, reason, message });
  }

  /** Deletes a Job with its Pods. Answers why that failed, which an event tells too. */
  async deleteJob(job: Job): Promise<Error | undefined> {
    const { name = '', namespace = '', uid = '' } = job.metadata ?? {};
    try {
      await this.client.delete(JOB, { name, namespace }, { propagationPolicy: 'Background' });
    } catch (error) {
      this.tell('Warning', 'FailedDelete', `Deleted job: ${messageOf(error)}`);
      return asError(error);
    }
    this.status = withoutActive(this.status, new Set([uid]));
    this.tell('Normal', 'SuccessfulDelete', `Deleted job ${name}`);
    return undefined;
  }

  async getJob(name: string): Promise<Job | undefined> {
    try {
      return await this.client.get(JOB, name, this.cronJob.metadata?.namespace);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }
}

/** `jobs`: all that the CronJob controls. */
export async function syncCronJob(pass: CronPass, jobs: readonly Job[]): Promise<Result> {
  let failure: Error | undefined;
  let result: Result = {};
  for (const job of jobsToForget(pass.cronJob, jobs)) await pass.deleteJob(job);
  try {
    await accountFor(pass, jobs);
    result = await schedule(pass);
  } catch (error) {
    failure = asError(error);
  }
  const { cronJob, status, client } = pass;
  if (!equalValues(status, cronJob.status))
    await client.update(CRON_JOB, { ...cronJob, status }, 'status');
  if (failure !== undefined) throw failure;
  return result;
}

async function accountFor(pass: CronPass, jobs: readonly Job[]): Promise<void> {
  const { status, ended, unexpected } = account(pass.status, jobs);
  pass.status = status;
  for (const { metadata } of await reallyUnexpected(pass, unexpected)) {
    const message = `Saw a job that the controller did not create or forgot: ${metadata?.name}`;
    pass.tell('Warning', 'UnexpectedJob', message);
  }
  for (const { job, condition } of ended) {
    const message = `Saw completed job: ${job.metadata?.name}, condition: ${condition}`;
    pass.tell('Normal', 'SawCompletedJob', message);
  }
  const there = new Set(jobs.map(({ metadata }) => metadata?.uid));
  for (const { name = '', uid = '' } of pass.status.active ?? []) {
    // The cache may be behind: only the server knows that it is gone.
    if (there.has(uid) || (await pass.getJob(name)) !== undefined) continue;
    pass.tell('Normal', 'MissingJob', `Active job went missing: ${name}`);
    pass.status = withoutActive(pass.status, new Set([uid]));
  }
}

/** The cache may be behind a status that this process wrote, and whose answer was lost. */
async function reallyUnexpected(pass: CronPass, jobs: readonly Job[]): Promise<readonly Job[]> {
  if (jobs.length === 0) return jobs;
  const { name = '', namespace } = pass.cronJob.metadata ?? {};
  const live = await pass.client.get(CRON_JOB, name, namespace);
  const active = new Set(live.status?.active?.map(({ uid }) => uid));
  return jobs.filter(({ metadata }) => !active.has(metadata?.uid));
}

/** Starts the Job that is due, and says when to look again; nothing: not before a change. */
async function schedule(pass: CronPass): Promise<Result> {
  const { cronJob, nowMs } = pass;
  if (cronJob.metadata?.deletionTimestamp !== undefined) return {};
  if (!hasKnownZone(pass) || cronJob.spec?.suspend === true) return {};
  const timetable = readTimetable(pass);
  if (timetable === undefined) return {};
  const { mostRecentMs, count, error } = missedTimes(cronJob, timetable, {
    nowMs,
    withDeadline: true,
  });
  if (error !== undefined) {
    const message = `invalid schedule: ${cronJob.spec?.schedule} : ${error}`;
    pass.tell('Warning', 'InvalidSchedule', message);
    return {};
  }
  if (mostRecentMs !== undefined) {
    if (count === 'many') {
      const message =
        'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew';
      pass.tell('Warning', 'TooManyMissedTimes', message);
    }
    if (mayStart(pass, mostRecentMs)) await takeUpEarlier(pass, timetable);
    if (mayStart(pass, mostRecentMs)) await startJob(pass, mostRecentMs);
  }
  const waitMs = untilNextMs(cronJob, timetable, nowMs);
  return waitMs === undefined ? {} : { requeueAfterMs: waitMs };
}

/** A pass of the time before may have started a Job, and not learned of it or not said so. */
async function takeUpEarlier(pass: CronPass, timetable: Timetable): Promise<void> {
  const { cronJob, nowMs } = pass;
  const { beforeMs } = missedTimes(cronJob, timetable, { nowMs, withDeadline: false });
  if (beforeMs === undefined) return;
  const job = await pass.getJob(jobName(cronJob, beforeMs));
  if (job !== undefined && isOurs(pass, job) && !hasEnded(job)) takeUp(pass, job, beforeMs);
}

function hasKnownZone(pass: CronPass): boolean {
  const { timeZone } = pass.cronJob.spec ?? {};
  if (timeZone === undefined) return true;
  if (isZone(timeZone)) return true;
  const message = `invalid timeZone: ${JSON.stringify(timeZone)}: unknown time zone ${timeZone}`;
  pass.tell('Warning', 'UnknownTimeZone', message);
  return false;
}

function readTimetable(pass: CronPass): Timetable | undefined {
  const { schedule: text = '', timeZone } = pass.cronJob.spec ?? {};
  const quoted = JSON.stringify(text);
  if (text.includes('TZ')) {
    const message = `CRON_TZ or TZ used in schedule ${quoted} is not officially supported, ${HELP}`;
    pass.tell('Warning', 'UnsupportedSchedule', message);
  }
  try {
    return timetableOf(text, timeZone);
  } catch (error) {
    if (!(error instanceof ScheduleError)) throw error;
    const message = `unparseable schedule: ${quoted} : ${error.message}`;
    pass.tell('Warning', 'UnparseableSchedule', message);
    return undefined;
  }
}

/** Not begun yet, and not beside another when that is forbidden. */
function mayStart(pass: CronPass, scheduledMs: number): boolean {
  const { cronJob, status } = pass;
  const { concurrencyPolicy } = cronJob.spec ?? {};
  const active = status.active ?? [];
  const name = jobName(cronJob, scheduledMs);
  if (active.some((reference) => reference.name === name)) return false;
  if (concurrencyPolicy === 'Forbid' && active.length > 0) {
    const message =
      'Not starting job because prior execution is running and concurrency policy is Forbid';
    pass.tell('Normal', 'JobAlreadyActive', message);
    return false;
  }
  return true;
}
