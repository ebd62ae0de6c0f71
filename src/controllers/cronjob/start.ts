/**
 * Starting the Job of one scheduled time, in place of those that run when the policy says so.
 *
 * Upstream: syncCronJob in pkg/controller/cronjob/cronjob_controllerv2.go, v1.36.
 */
import { JOB } from '#api/batch/job.ts';
import type { Job } from '#api/gen/batch-v1.ts';
import type { ObjectReference } from '#api/gen/core-v1.ts';
import { apiVersionOf, controllerOf } from '#api/meta/object.ts';
import { isAlreadyExists } from '#api/meta/status.ts';
import { timeText } from '#api/meta/time.ts';
import { messageOf } from '#base/error.ts';
import { isNamespaceTerminating } from '../shared/pod-control.ts';
import { jobOf } from './job-template.ts';
import type { CronPass } from './sync.ts';

/** Rejects when it cannot be started. A Job of its name that is not ours is let be. */
export async function startJob(pass: CronPass, scheduledMs: number): Promise<void> {
  if (pass.cronJob.spec?.concurrencyPolicy === 'Replace') await deleteActive(pass);
  const job = await createOrFind(pass, scheduledMs);
  if (job !== undefined) takeUp(pass, job, scheduledMs);
}

/** From here on the Job counts as active. */
export function takeUp(pass: CronPass, job: Job, scheduledMs: number): void {
  pass.status = {
    ...pass.status,
    active: [...(pass.status.active ?? []), referenceTo(job)],
    lastScheduleTime: timeText(scheduledMs),
  };
}

export function isOurs({ cronJob }: CronPass, job: Job): boolean {
  return controllerOf(job)?.uid === cronJob.metadata?.uid;
}

async function deleteActive(pass: CronPass): Promise<void> {
  for (const { name = '', namespace = '' } of pass.status.active ?? []) {
    const job = await pass.client.get(JOB, name, namespace).catch((error: unknown) => {
      pass.tell('Warning', 'FailedGet', `Get job: ${messageOf(error)}`);
      throw error;
    });
    const failure = await pass.deleteJob(job);
    if (failure !== undefined)
      throw new Error(`could not replace job ${namespace}/${name}: ${failure.message}`);
  }
}

/** A Job of this name that is ours was made by a pass that could not say so: it is taken up. */
async function createOrFind(pass: CronPass, scheduledMs: number): Promise<Job | undefined> {
  const wanted = jobOf(pass.cronJob, scheduledMs);
  try {
    const job = await pass.client.create(JOB, wanted);
    pass.metrics.jobCreated(job, scheduledMs);
    pass.tell('Normal', 'SuccessfulCreate', `Created job ${job.metadata?.name ?? ''}`);
    return job;
  } catch (error) {
    if (isAlreadyExists(error)) {
      const { name = '', namespace } = wanted.metadata ?? {};
      const there = await pass.client.get(JOB, name, namespace);
      const isActive = pass.status.active?.some(({ uid }) => uid === there.metadata?.uid) === true;
      return isOurs(pass, there) && !isActive ? there : undefined;
    }
    if (!isNamespaceTerminating(error))
      pass.tell('Warning', 'FailedCreate', `Error creating job: ${messageOf(error)}`);
    throw error;
  }
}

function referenceTo({ metadata }: Job): ObjectReference {
  const { namespace = '', name = '', uid = '', resourceVersion = '' } = metadata ?? {};
  return { kind: JOB.kind, namespace, name, uid, apiVersion: apiVersionOf(JOB), resourceVersion };
}
