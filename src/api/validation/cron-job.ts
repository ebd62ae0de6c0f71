/** CronJobs. Upstream: pkg/apis/batch/validation/validation.go (ValidateCronJob…). */
import type { CronJob, CronJobSpec } from '#api/gen/batch-v1.ts';
import { parseSchedule, ScheduleError } from '../batch/schedule.ts';
import { type FieldError, fieldPath, invalidValue, notSupported, required } from '../meta/field.ts';
import { oneOf } from './common.ts';
import { validateJobSpec } from './job.ts';
import { validateCounts } from './workloads.ts';

const SPEC = fieldPath('spec');
/** A job's name is the cron job's and eleven characters more. */
const NAME_MAX = 52;
const ZONE_PART = /^[A-Za-z.\-_0-9+]{1,14}$/;

/** `allowZone`: a time zone within the schedule was once allowed, and stays so where it is. */
function validateSchedule(spec: CronJobSpec | undefined, allowZone: boolean): FieldError[] {
  const at = SPEC.child('schedule');
  const schedule = spec?.schedule ?? '';
  if (schedule === '') return [required(at)];
  const errors: FieldError[] = [];
  try {
    parseSchedule(schedule.replace(/^(CRON_)?TZ=\S+\s+/, ''));
  } catch (error) {
    if (!(error instanceof ScheduleError)) throw error;
    errors.push(invalidValue(at, schedule, error.message));
  }
  if (!schedule.includes('TZ')) return errors;
  if (!allowZone) {
    const detail = 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead';
    errors.push(invalidValue(at, schedule, detail));
  } else if (spec?.timeZone !== undefined) {
    const detail = 'cannot use both timeZone field and TZ or CRON_TZ in schedule';
    errors.push(invalidValue(at, schedule, detail));
  }
  return errors;
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions();
    return true;
  } catch {
    return false;
  }
}

function validateTimeZone(zone: string | undefined): FieldError[] {
  const at = SPEC.child('timeZone');
  if (zone === undefined) return [];
  if (zone === '') return [invalidValue(at, zone, 'timeZone must be nil or non-empty string')];
  const bad = zone
    .split('/')
    .some((part) => part === '.' || part === '..' || part.startsWith('-') || !ZONE_PART.test(part));
  if (bad) return [invalidValue(at, zone, `unknown time zone ${zone}`)];
  if (zone.toLowerCase() === 'local') {
    const detail =
      'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones';
    return [invalidValue(at, zone, detail)];
  }
  return isTimeZone(zone) ? [] : [invalidValue(at, zone, `unknown time zone ${zone}`)];
}

/** `zoned`: a schedule that was there may name its time zone itself. */
function validateSpec({ spec }: CronJob, zoned: boolean, zoneChanged: boolean): FieldError[] {
  const template = SPEC.child('jobTemplate', 'spec');
  const job = spec?.jobTemplate?.spec;
  const errors = [
    ...validateSchedule(spec, zoned),
    ...validateCounts(spec, ['startingDeadlineSeconds'], SPEC),
    ...(zoneChanged ? validateTimeZone(spec?.timeZone) : []),
    ...oneOf(
      spec?.concurrencyPolicy,
      ['Allow', 'Forbid', 'Replace'],
      SPEC.child('concurrencyPolicy'),
    ),
    ...validateJobSpec(job, template),
  ];
  if (job?.selector !== undefined) {
    errors.push(
      invalidValue(template.child('selector'), job.selector, '`selector` will be auto-generated'),
    );
  }
  if (job?.manualSelector === true) {
    errors.push(notSupported(template.child('manualSelector'), true, ['nil', 'false']));
  }
  return [
    ...errors,
    ...validateCounts(spec, ['successfulJobsHistoryLimit', 'failedJobsHistoryLimit'], SPEC),
  ];
}

export function validateCronJobCreate(cronJob: CronJob): FieldError[] {
  const name = cronJob.metadata?.name ?? '';
  const errors = validateSpec(cronJob, false, true);
  if (name.length <= NAME_MAX) return errors;
  const detail = `must be no more than ${NAME_MAX} characters`;
  return [...errors, invalidValue(fieldPath('metadata').child('name'), name, detail)];
}

export function validateCronJobUpdate(next: CronJob, old: CronJob): FieldError[] {
  const zoned = (old.spec?.schedule ?? '').includes('TZ');
  return validateSpec(next, zoned, next.spec?.timeZone !== old.spec?.timeZone);
}
