/**
 * Writes to jobs/status: a job that has ended stays so, and its numbers agree (KEP-4368).
 *
 * Source: upstream pkg/apis/batch/validation/validation.go and pkg/registry/batch/job/strategy.go:
 * most rules hold only when one of the fields that they look at changes.
 */
import type { Job, JobStatus } from '#api/gen/batch-v1.ts';
import { firstOverlap, IndexError, type Interval, parseIndexes } from '../batch/indexes.ts';
import { equalValues } from '../meta/equal.ts';
import { duplicate, FieldError, fieldPath, invalidValue, required } from '../meta/field.ts';
import { validateCounts } from './workloads.ts';

const STATUS = fieldPath('status');
const CONDITIONS = STATUS.child('conditions');

const isTrue = ({ status }: Job, type: string): boolean =>
  status?.conditions?.some(
    (condition) => condition.type === type && condition.status === 'True',
  ) === true;
const isFinished = (job: Job): boolean => isTrue(job, 'Complete') || isTrue(job, 'Failed');

/** Upstream leaves the value out of these messages. */
const badConditions = (detail: string): FieldError =>
  new FieldError({ type: 'FieldValueForbidden', field: CONDITIONS, detail });

interface Change {
  readonly next: Job;
  readonly old: Job;
  readonly status: JobStatus;
  /** Whether one of these fields of the status changed. */
  readonly changed: (...fields: (keyof JobStatus)[]) => boolean;
  /** Whether one of these conditions changed. */
  readonly flipped: (...types: string[]) => boolean;
  readonly finishedNow: boolean;
}

function changeOf(next: Job, old: Job): Change {
  return {
    next,
    old,
    status: next.status ?? {},
    changed: (...fields) =>
      fields.some((field) => !equalValues(next.status?.[field], old.status?.[field])),
    flipped: (...types) => types.some((type) => isTrue(next, type) !== isTrue(old, type)),
    finishedNow: isFinished(next) !== isFinished(old),
  };
}

/** Conditions that exclude each other, or that follow from one another. */
function validateConditions({ next, old, flipped, changed }: Change): FieldError[] {
  const errors: FieldError[] = [];
  const has = (type: string): boolean => isTrue(next, type);
  const both = (left: string, right: string, when: boolean): void => {
    if (when && has(left) && has(right)) {
      errors.push(badConditions(`cannot set ${left}=True and ${right}=true conditions`));
    }
  };
  both('Complete', 'Failed', flipped('Complete', 'Failed'));
  both('Complete', 'FailureTarget', flipped('Complete', 'FailureTarget'));
  both('SuccessCriteriaMet', 'Failed', true);
  both('SuccessCriteriaMet', 'FailureTarget', true);
  if ((flipped('Failed') || changed('failedIndexes')) && has('Failed') && !has('FailureTarget')) {
    errors.push(
      badConditions('cannot set Failed=True condition without the FailureTarget=true condition'),
    );
  }
  if (flipped('Complete', 'SuccessCriteriaMet') && has('Complete') && !has('SuccessCriteriaMet')) {
    errors.push(
      badConditions(
        'cannot set Complete=True condition without the SuccessCriteriaMet=true condition',
      ),
    );
  }
  for (const type of ['Failed', 'Complete', 'FailureTarget']) {
    if (isTrue(old, type) && !has(type)) {
      errors.push(badConditions(`cannot disable the terminal ${type}=True condition`));
    }
  }
  if (isTrue(old, 'SuccessCriteriaMet') && !has('SuccessCriteriaMet')) {
    errors.push(badConditions('cannot disable the SuccessCriteriaMet=True condition'));
  }
  if (isTrue(old, 'Complete') && !isTrue(old, 'SuccessCriteriaMet') && has('SuccessCriteriaMet')) {
    errors.push(
      badConditions(
        'cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions',
      ),
    );
  }
  return errors;
}

function validateTimes({ next, old, status, changed, flipped, finishedNow }: Change): FieldError[] {
  const { startTime, completionTime } = status;
  const errors: FieldError[] = [];
  const end = STATUS.child('completionTime');
  const complete = isTrue(next, 'Complete');
  if (flipped('Complete') || changed('completionTime')) {
    if (completionTime !== undefined && !complete) {
      errors.push(
        invalidValue(
          end,
          completionTime,
          'cannot set completionTime when there is no Complete=True condition',
        ),
      );
    }
    if (completionTime === undefined && complete) {
      errors.push(required(end, 'completionTime is required for Complete jobs'));
    }
  }
  if (
    changed('startTime', 'completionTime') &&
    startTime !== undefined &&
    completionTime !== undefined
  ) {
    if (Date.parse(completionTime) < Date.parse(startTime)) {
      errors.push(invalidValue(end, completionTime, 'must be equal to or after `startTime`'));
    }
  }
  const before = old.status?.completionTime;
  if (completionTime !== undefined && before !== undefined && completionTime !== before) {
    errors.push(invalidValue(end, completionTime, 'field is immutable'));
  }
  const emptySuspended = next.spec?.suspend === true && next.spec.completions === 0;
  if (
    (finishedNow || changed('startTime')) &&
    !emptySuspended &&
    startTime === undefined &&
    isFinished(next)
  ) {
    errors.push(required(STATUS.child('startTime'), 'startTime is required for finished job'));
  }
  const resuming =
    isTrue(old, 'Suspended') &&
    status.conditions?.some(
      ({ type, status: value }) => type === 'Suspended' && value === 'False',
    ) === true;
  if (
    changed('startTime') &&
    !resuming &&
    old.status?.startTime !== undefined &&
    next.spec?.suspend !== true
  ) {
    const detail = 'field is immutable for unsuspended job once set';
    errors.push(invalidValue(STATUS.child('startTime'), startTime ?? null, detail));
  }
  return errors;
}

function validateNumbers({ next, old, status, changed, finishedNow }: Change): FieldError[] {
  const errors: FieldError[] = [];
  const finished = isFinished(next);
  const {
    active = 0,
    ready = 0,
    terminating = 0,
    failed = 0,
    succeeded = 0,
    uncountedTerminatedPods: uncounted,
  } = status;
  if ((finishedNow || changed('active')) && active > 0 && finished) {
    errors.push(
      invalidValue(STATUS.child('active'), active, 'active>0 is invalid for finished job'),
    );
  }
  if ((finishedNow || changed('terminating')) && terminating > 0 && finished) {
    errors.push(
      invalidValue(
        STATUS.child('terminating'),
        terminating,
        'terminating>0 is invalid for finished job',
      ),
    );
  }
  if (changed('ready', 'active') && ready > active) {
    errors.push(
      invalidValue(STATUS.child('ready'), ready, 'cannot set more ready pods than active'),
    );
  }
  const waiting = (uncounted?.failed ?? []).length + (uncounted?.succeeded ?? []).length;
  if ((finishedNow || changed('uncountedTerminatedPods')) && finished && waiting > 0) {
    const where = STATUS.child('uncountedTerminatedPods');
    errors.push(invalidValue(where, uncounted, 'must be empty for finished job'));
  }
  if (failed < (old.status?.failed ?? 0)) {
    errors.push(invalidValue(STATUS.child('failed'), failed, 'cannot decrease the failed counter'));
  }
  const elastic =
    next.spec?.completionMode === 'Indexed' && next.spec.completions === next.spec.parallelism;
  if (!elastic && succeeded < (old.status?.succeeded ?? 0)) {
    errors.push(
      invalidValue(STATUS.child('succeeded'), succeeded, 'cannot decrease the succeeded counter'),
    );
  }
  return errors;
}

function validateUncounted({ status }: Change): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const list of ['succeeded', 'failed'] as const) {
    for (const [i, uid] of (status.uncountedTerminatedPods?.[list] ?? []).entries()) {
      const at = STATUS.child('uncountedTerminatedPods', list).index(i);
      if (uid === '') errors.push(invalidValue(at, uid, 'must not be empty'));
      else if (seen.has(uid)) errors.push(duplicate(at, uid));
      seen.add(uid);
    }
  }
  return errors;
}

function validateIndexes({ next, status, changed }: Change): FieldError[] {
  const errors: FieldError[] = [];
  const completions = next.spec?.completions;
  const parsed: Partial<Record<'completedIndexes' | 'failedIndexes', readonly Interval[]>> = {};
  for (const field of ['completedIndexes', 'failedIndexes'] as const) {
    const text = status[field];
    if (text === undefined || completions === undefined) continue;
    try {
      parsed[field] = parseIndexes(text, completions).intervals;
    } catch (error) {
      if (!(error instanceof IndexError)) throw error;
      if (changed(field))
        errors.push(
          invalidValue(STATUS.child(field), text, `error parsing ${field}: ${error.message}`),
        );
    }
  }
  const { completedIndexes = '', failedIndexes } = status;
  if (
    changed('completedIndexes') &&
    completedIndexes !== '' &&
    next.spec?.completionMode !== 'Indexed'
  ) {
    const detail = 'cannot set non-empty completedIndexes when non-indexed completion mode';
    errors.push(invalidValue(STATUS.child('completedIndexes'), completedIndexes, detail));
  }
  if (
    changed('failedIndexes') &&
    failedIndexes !== undefined &&
    next.spec?.backoffLimitPerIndex === undefined
  ) {
    const detail = 'cannot set non-null failedIndexes when backoffLimitPerIndex is null';
    errors.push(invalidValue(STATUS.child('failedIndexes'), failedIndexes, detail));
  }
  const overlap = firstOverlap(parsed.completedIndexes ?? [], parsed.failedIndexes ?? []);
  if (changed('failedIndexes', 'completedIndexes') && overlap !== undefined) {
    const detail = `failedIndexes and completedIndexes overlap at index: ${overlap}`;
    errors.push(invalidValue(STATUS.child('failedIndexes'), failedIndexes, detail));
  }
  return errors;
}

export function validateJobStatus(next: Job, old: Job): FieldError[] {
  const change = changeOf(next, old);
  return [
    ...validateCounts(
      change.status,
      ['active', 'succeeded', 'failed', 'ready', 'terminating'],
      STATUS,
    ),
    ...validateUncounted(change),
    ...validateConditions(change),
    ...validateTimes(change),
    ...validateNumbers(change),
    ...validateIndexes(change),
  ];
}
