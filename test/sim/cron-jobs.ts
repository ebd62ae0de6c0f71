/**
 * CronJobs of every minute, of all three policies.
 *
 *   while it runs   no time of a schedule gives two Jobs, unless somebody deletes the first before
 *                   the status of the CronJob tells of it; where the policy is Forbid or Replace no
 *                   Job begins beside another that goes on
 *   at the end      the schedule is kept, the histories have their limits, and a suspended CronJob
 *                   has nothing active
 */
import { CRON_JOB } from '#api/batch/cron-job.ts';
import { JOB } from '#api/batch/job.ts';
import type { CronJob, CronJobSpec, Job } from '#api/gen/batch-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { controllerOf, type OwnerReference } from '#api/meta/object.ts';
import { job } from '#kit/jobs.ts';
import type { Cast, Stage, StoreChange } from './stage.ts';

const PREFIX = 'tick-';
const COUNT_MAX = 3;
const SCHEDULED = 'batch.kubernetes.io/cronjob-scheduled-timestamp';
const MINUTE_MS = 60_000;
/** Longer than a Job takes that begins in the last minute. */
const LAST_JOBS_MS = 180_000;
/** What a Job runs at most, and what its Pod needs to begin and to be seen to end. */
const RUN_MS_MAX = 101_000;
const ABOUT_RUN_MS = 5_000;
/** Back-offs of Jobs whose Pods were lost. */
const PATIENCE = 60;

export class CronJobs implements Cast {
  readonly actions = [
    [3, () => this.#suspend()],
    [2, () => this.#reschedule()],
    [2, () => this.#deleteJob()],
    [1, () => this.#delete()],
    [1, () => this.#create()],
  ] as const;
  readonly #stage: Stage;
  readonly #jobs = new Map<string, Job>();
  readonly #cronJobs = new Map<string, CronJob>();
  /** Times that have had their Job. */
  readonly #begun = new Set<string>();
  /** Uids of Jobs that this cast has deleted. */
  readonly #victims = new Set<string>();
  #count = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  async open(): Promise<void> {
    for (let i = 0; i < COUNT_MAX - 1; i++) await this.#create();
  }

  async #create(): Promise<void> {
    const { cluster, random, say } = this.#stage;
    if ((await cluster.list(CRON_JOB, 'default')).length >= COUNT_MAX) return;
    const name = `${PREFIX}${++this.#count}`;
    const spec: Omit<CronJobSpec, 'jobTemplate'> = {
      schedule: random.pick(['* * * * *', '*/2 * * * *']),
      concurrencyPolicy: random.pick(['Allow', 'Forbid', 'Replace']),
      successfulJobsHistoryLimit: random.below(4),
      failedJobsHistoryLimit: random.below(3),
      ...(random.chance(0.3) ? { startingDeadlineSeconds: 30 + random.below(200) } : {}),
    };
    const exitCode = random.pick([0, 0, 1]);
    const runMs = 1_000 + random.below(RUN_MS_MAX - 1_000);
    say(`create ${name} ${JSON.stringify(spec)} runs ${runMs} ms, exits with ${exitCode}`);
    const work = job({ backoffLimit: 0 }, { runMs, exitCode }).spec;
    if (work === undefined) return;
    await cluster.create(CRON_JOB, {
      metadata: { name, namespace: 'default' },
      spec: { ...spec, jobTemplate: { spec: work } },
    });
  }

  disturb(): void {}

  saw({ resource, type, object }: StoreChange): void {
    const uid = object.metadata?.uid ?? '';
    if (resource === 'cronjobs') {
      if (type === 'delete') this.#cronJobs.delete(uid);
      else this.#cronJobs.set(uid, object as CronJob);
    }
    if (resource !== 'jobs' || controllerOf(object)?.kind !== CRON_JOB.kind) return;
    if (type === 'put' && !this.#jobs.has(uid)) this.#began(object);
    if (type === 'delete') {
      this.#jobs.delete(uid);
      if (this.#victims.has(uid) && !this.#isTold(object)) this.#begun.delete(timeOf(object));
    } else this.#jobs.set(uid, object);
  }

  /** Whether the status of its CronJob says that the time of this Job has had one. */
  #isTold(job: Job): boolean {
    const { lastScheduleTime } = this.#cronJobs.get(controllerOf(job)?.uid ?? '')?.status ?? {};
    const time = job.metadata?.annotations?.[SCHEDULED] ?? '';
    return lastScheduleTime !== undefined && Date.parse(lastScheduleTime) >= Date.parse(time);
  }

  #began(begun: Job): void {
    const owner = controllerOf(begun)?.uid ?? '';
    const time = timeOf(begun);
    if (this.#begun.has(time)) this.#stage.violated(`${begun.metadata?.name} begins once more`);
    this.#begun.add(time);
    const policy = this.#cronJobs.get(owner)?.spec?.concurrencyPolicy ?? 'Allow';
    const beside = this.#jobsOf(owner).find(goesOn);
    if (policy !== 'Allow' && beside !== undefined)
      this.#stage.violated(
        `${begun.metadata?.name} begins beside ${beside.metadata?.name} (${policy})`,
      );
  }

  #jobsOf(owner: string): Job[] {
    return [...this.#jobs.values()].filter((each) => controllerOf(each)?.uid === owner);
  }

  async #some(): Promise<CronJob | undefined> {
    const all = await this.#stage.cluster.list(CRON_JOB, 'default');
    return all.length === 0 ? undefined : this.#stage.random.pick(all);
  }

  async #suspend(): Promise<void> {
    const subject = await this.#some();
    if (subject === undefined) return;
    const suspend = subject.spec?.suspend !== true;
    this.#stage.say(`${suspend ? 'suspend' : 'resume'} ${subject.metadata?.name}`);
    await this.#stage.cluster.patch(CRON_JOB, subject, { spec: { suspend } });
  }

  async #reschedule(): Promise<void> {
    const subject = await this.#some();
    if (subject === undefined) return;
    const schedule = this.#stage.random.pick(['* * * * *', '*/2 * * * *', '1-59/3 * * * *']);
    this.#stage.say(`${subject.metadata?.name} goes by ${schedule}`);
    await this.#stage.cluster.patch(CRON_JOB, subject, { spec: { schedule } });
  }

  async #deleteJob(): Promise<void> {
    const { cluster, random, say } = this.#stage;
    const jobs = (await cluster.list(JOB, 'default')).filter((each) => isTicked(each.metadata));
    if (jobs.length === 0) return;
    const victim = random.pick(jobs);
    say(`delete job ${victim.metadata?.name}`);
    this.#victims.add(victim.metadata?.uid ?? '');
    await cluster.delete(JOB, victim, { propagationPolicy: 'Background' });
  }

  async #delete(): Promise<void> {
    const subject = await this.#some();
    if (subject === undefined) return;
    this.#stage.say(`delete ${subject.metadata?.name}`);
    await this.#stage.cluster.delete(CRON_JOB, subject, { propagationPolicy: 'Background' });
  }

  /** A schedule is never at rest: whether it is kept is seen first, and then all is suspended. */
  async waitForLast(): Promise<void> {
    const { cluster } = this.#stage;
    for (const subject of await cluster.list(CRON_JOB, 'default'))
      await cluster.patch(CRON_JOB, subject, { spec: { suspend: false, schedule: '* * * * *' } });
    await cluster.advance(3 * MINUTE_MS);
    for (const each of await cluster.list(CRON_JOB, 'default')) {
      this.#checkSchedule(each);
      await cluster.patch(CRON_JOB, each, { spec: { suspend: true } });
    }
    for (let i = 0; i < PATIENCE; i++) {
      await cluster.advance(LAST_JOBS_MS);
      const jobs = (await cluster.list(JOB, 'default')).filter((each) => isTicked(each.metadata));
      if (!jobs.some(goesOn)) return;
    }
  }

  #checkSchedule({ metadata, spec, status }: CronJob): void {
    const { name = '' } = metadata ?? {};
    const nowMs = this.#stage.cluster.environment.clock.now();
    const lastMs = Date.parse(status?.lastScheduleTime ?? '') || 0;
    const isForbidden = spec?.concurrencyPolicy === 'Forbid';
    if (isForbidden && (status?.active ?? []).length > 0) return;
    // A time that passed while a Job went on is caught up with, unless its deadline has passed too:
    // then the next time is the first that begins.
    const isMissed = isForbidden && (spec.startingDeadlineSeconds ?? Infinity) * 1000 < MINUTE_MS;
    const lateMs = isMissed ? RUN_MS_MAX + ABOUT_RUN_MS + MINUTE_MS : 0;
    // A little is always on its way.
    if (lastMs + MINUTE_MS + lateMs + 5_000 < nowMs)
      this.#stage.violated(`${name} began last at ${status?.lastScheduleTime}`);
  }

  async checkEnd(pods: readonly Pod[]): Promise<readonly Pod[]> {
    const { cluster } = this.#stage;
    const jobs = (await cluster.list(JOB, 'default')).filter((each) => isTicked(each.metadata));
    const cronJobs = await cluster.list(CRON_JOB, 'default');
    for (const { metadata, spec, status } of cronJobs) {
      const own = jobs.filter((each) => controllerOf(each)?.uid === metadata?.uid);
      const kept = [endedAs('Complete', own), endedAs('Failed', own)];
      const limits = [spec?.successfulJobsHistoryLimit ?? 0, spec?.failedJobsHistoryLimit ?? 0];
      if (kept.some((count, nth) => count > (limits[nth] ?? 0)))
        throw new Error(`${metadata?.name} keeps ${kept.join()} Jobs, not ${limits.join()}`);
      const [active] = status?.active ?? [];
      if (active !== undefined) throw new Error(`${metadata?.name} believes in ${active.name}`);
      const open = own.find(goesOn);
      if (open !== undefined) throw new Error(`${open.metadata?.name} does not end`);
    }
    const owners = new Set(cronJobs.map(({ metadata }) => metadata?.uid));
    const lost = jobs.find((each) => !owners.has(controllerOf(each)?.uid));
    if (lost !== undefined) throw new Error(`Job ${lost.metadata?.name} has lost its owner`);
    const uids = new Set(jobs.map(({ metadata }) => metadata?.uid));
    return pods.filter((pod) => uids.has(controllerOf(pod)?.uid));
  }
}

/** `<uid of its CronJob> <time>` */
function timeOf(job: Job): string {
  return `${controllerOf(job)?.uid} ${job.metadata?.annotations?.[SCHEDULED]}`;
}

function isTicked(
  metadata: { readonly ownerReferences?: readonly OwnerReference[] } = {},
): boolean {
  return metadata.ownerReferences?.some(({ kind }) => kind === CRON_JOB.kind) === true;
}

function endedAs(end: string, jobs: readonly Job[]): number {
  return jobs.filter(({ status }) =>
    status?.conditions?.some(({ type, status: is }) => type === end && is === 'True'),
  ).length;
}

function goesOn(subject: Job): boolean {
  return (
    subject.metadata?.deletionTimestamp === undefined &&
    endedAs('Complete', [subject]) + endedAs('Failed', [subject]) === 0
  );
}
