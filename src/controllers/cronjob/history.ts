/**
 * Which of a CronJob's Jobs have ended, which of them it still keeps, and what its status says of
 * them. Pure.
 *
 * Upstream: cleanupFinishedJobs and syncCronJob in pkg/controller/cronjob/cronjob_controllerv2.go,
 * v1.36.
 */
import type { CronJob, CronJobStatus, Job, JobCondition } from '#api/gen/batch-v1.ts';

/** Complete or Failed; undefined: it goes on. */
function endOf({ status }: Job): JobCondition | undefined {
  return status?.conditions?.find(
    ({ type, status: value }) => (type === 'Complete' || type === 'Failed') && value === 'True',
  );
}

export function hasEnded(job: Job): boolean {
  return endOf(job) !== undefined;
}

/** The oldest ended Jobs beyond the limits, first the successful ones. */
export function jobsToForget({ spec }: CronJob, jobs: readonly Job[]): Job[] {
  const { successfulJobsHistoryLimit, failedJobsHistoryLimit } = spec ?? {};
  const beyond = (type: string, limit: number | undefined): Job[] => {
    if (limit === undefined) return [];
    const ended = jobs.filter((job) => endOf(job)?.type === type).sort(byStart);
    return ended.slice(0, Math.max(0, ended.length - limit));
  };
  return [
    ...beyond('Complete', successfulJobsHistoryLimit),
    ...beyond('Failed', failedJobsHistoryLimit),
  ];
}

/** Those that were never started are the newest. */
function byStart(a: Job, b: Job): number {
  const start = ({ status }: Job): number => Date.parse(status?.startTime ?? '') || Infinity;
  const [startA, startB] = [start(a), start(b)];
  if (startA !== startB) return startA < startB ? -1 : 1;
  return (a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1;
}

export interface Account {
  readonly status: CronJobStatus;
  /** Were active, and have ended. */
  readonly ended: readonly { readonly job: Job; readonly condition: string }[];
  /** Not active as far as the status knows, and not ended. */
  readonly unexpected: readonly Job[];
}

/** The status after a look at all Jobs of the CronJob. */
export function account(status: CronJobStatus, jobs: readonly Job[]): Account {
  const active = new Set((status.active ?? []).map(({ uid }) => uid));
  const isKnown = ({ metadata }: Job): boolean => active.has(metadata?.uid ?? '');
  const over = jobs.flatMap((job) => {
    const condition = endOf(job)?.type;
    return condition === undefined ? [] : [{ job, condition }];
  });
  const ended = over.filter(({ job }) => isKnown(job));
  const lastSuccessfulTime = [
    status.lastSuccessfulTime ?? '',
    ...over
      .filter(({ condition }) => condition === 'Complete')
      .map(({ job }) => job.status?.completionTime ?? ''),
  ].reduce((latest, time) => (time > latest ? time : latest));
  return {
    status: {
      ...withoutActive(status, new Set(ended.map(({ job }) => job.metadata?.uid ?? ''))),
      ...(lastSuccessfulTime === '' ? {} : { lastSuccessfulTime }),
    },
    ended,
    unexpected: jobs.filter((job) => endOf(job) === undefined && !isKnown(job)),
  };
}

/** The status whose list of active Jobs has none of these (by uid). */
export function withoutActive(status: CronJobStatus, uids: ReadonlySet<string>): CronJobStatus {
  const { active = [], ...others } = status;
  const left = active.filter(({ uid }) => !uids.has(uid ?? ''));
  return left.length === 0 ? others : { ...others, active: left };
}
