/**
 * The Job that a CronJob makes for one of its times; the name is the lock that lets it be made once.
 *
 * Upstream: getJobFromTemplate2 in pkg/controller/cronjob/utils.go, v1.36.
 */
import { CRON_JOB } from '#api/batch/cron-job.ts';
import type { CronJob, Job } from '#api/gen/batch-v1.ts';
import { controllerReference } from '#reconcile/claim.ts';
import { Zone } from './zone.ts';

const SCHEDULED = 'batch.kubernetes.io/cronjob-scheduled-timestamp';
const MINUTE_MS = 60_000;

/** `nightly-29453760`: the minutes since 1970. */
export function jobName({ metadata }: CronJob, scheduledMs: number): string {
  return `${metadata?.name ?? ''}-${Math.floor(scheduledMs / MINUTE_MS)}`;
}

export function jobOf(cronJob: CronJob, scheduledMs: number): Job {
  const { jobTemplate, timeZone = 'UTC' } = cronJob.spec ?? {};
  const { labels = {}, annotations = {} } = jobTemplate?.metadata ?? {};
  const { namespace } = cronJob.metadata ?? {};
  return {
    metadata: {
      name: jobName(cronJob, scheduledMs),
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...labels },
      annotations: { ...annotations, [SCHEDULED]: new Zone(timeZone).text(scheduledMs) },
      ownerReferences: [controllerReference(CRON_JOB, cronJob)],
    },
    ...(jobTemplate?.spec === undefined ? {} : { spec: structuredClone(jobTemplate.spec) }),
  };
}
