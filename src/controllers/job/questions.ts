/**
 * What a Job's spec and conditions say, in words.
 *
 * Upstream: pkg/controller/job/{job_controller,indexed_job_utils}.go and job/util/utils.go, v1.36.
 */
import type { Job, JobCondition, JobSpec } from '#api/gen/batch-v1.ts';

/** The value of `spec.managedBy` that means this controller; absent means it too. */
const JOB_CONTROLLER = 'kubernetes.io/job-controller';

export const isIndexed = ({ spec }: Job): boolean => spec?.completionMode === 'Indexed';

export const isSuspended = ({ spec }: Job): boolean => spec?.suspend === true;

/** Failures are counted for each index on its own (KEP-3850). */
export const countsPerIndex = ({ spec }: Job): boolean => spec?.backoffLimitPerIndex !== undefined;

/** A Pod is replaced when it has ended, not when its deletion begins (KEP-3939). */
export function replacesOnlyEnded({ spec }: Job): boolean {
  return spec?.podReplacementPolicy === 'Failed' || spec?.podFailurePolicy !== undefined;
}

/** Another controller looks after it (KEP-4368). */
export function isManagedElsewhere({ spec }: Job): boolean {
  return spec?.managedBy !== undefined && spec.managedBy !== JOB_CONTROLLER;
}

export function conditionOf(
  conditions: readonly JobCondition[] | undefined,
  type: string,
): JobCondition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/** The condition of this type, when its status is True. */
export function trueCondition({ status }: Job, type: string): JobCondition | undefined {
  const condition = conditionOf(status?.conditions, type);
  return condition?.status === 'True' ? condition : undefined;
}

/** Complete or Failed, as the condition that says so; undefined: it goes on. */
export function finishedCondition({ status }: Job): JobCondition | undefined {
  return status?.conditions?.find(
    ({ type, status: value }) => (type === 'Complete' || type === 'Failed') && value === 'True',
  );
}

export const isFinished = (job: Job): boolean => finishedCondition(job) !== undefined;

/** The spec with the defaults of what this controller calculates with. */
export function limitsOf({ spec }: Job): {
  readonly parallelism: number;
  readonly completions: number | undefined;
  readonly backoffLimit: number;
} {
  const { parallelism = 1, completions, backoffLimit = 6 }: Partial<JobSpec> = spec ?? {};
  return { parallelism, completions, backoffLimit };
}
