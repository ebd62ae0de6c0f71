/** CronJob. Upstream: pkg/registry/batch/cronjob/strategy.go, pkg/apis/batch/v1/defaults.go. */
import type { CronJob } from '#api/gen/batch-v1.ts';
import { podGatedFields } from '../core/pod-gated-fields.ts';
import { defineKind } from '../kind.ts';
import {
  AGE_COLUMN,
  column,
  formatLabelSelector,
  integerColumn,
  NAME_COLUMN,
  templateColumns,
  wideColumn,
} from '../meta/columns.ts';
import { timeSince } from '../meta/duration.ts';
import { validateCronJobCreate, validateCronJobUpdate } from '../validation/cron-job.ts';
import { warnAboutJobSpec } from '../validation/job-warnings.ts';
import { isNewSpec, warnAboutName } from '../validation/warnings.ts';
import { defaultJobTemplateSpec } from './job.ts';

const ZONE_WARNING =
  'cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details';
const SUCCESSFUL_LIMIT = 3;
const FAILED_LIMIT = 1;

function setDefaults({ spec }: CronJob): void {
  if (spec === undefined) return;
  spec.concurrencyPolicy ||= 'Allow';
  spec.suspend ??= false;
  spec.successfulJobsHistoryLimit ??= SUCCESSFUL_LIMIT;
  spec.failedJobsHistoryLimit ??= FAILED_LIMIT;
  if (spec.jobTemplate?.spec !== undefined) defaultJobTemplateSpec(spec.jobTemplate.spec);
}

function suspended({ spec }: CronJob): string {
  if (spec?.suspend === undefined) return '<unset>';
  return spec.suspend ? 'True' : 'False';
}

export const CRON_JOB = defineKind<CronJob>({
  group: 'batch',
  version: 'v1',
  kind: 'CronJob',
  plural: 'cronjobs',
  shortNames: ['cj'],
  categories: ['all'],
  namespaced: true,
  schema: 'io.k8s.api.batch.v1.CronJob',
  gatedFields: podGatedFields('spec.jobTemplate.spec.template.spec'),
  hasStatus: true,
  countsGeneration: true,
  unconditionalUpdate: true,
  columns: [
    NAME_COLUMN,
    column('Schedule', ({ spec }) => spec?.schedule ?? ''),
    column('Timezone', ({ spec }) => spec?.timeZone ?? '<none>'),
    { name: 'Suspend', type: 'boolean', cell: suspended },
    integerColumn('Active', ({ status }) => status?.active?.length),
    column('Last Schedule', ({ status }, nowMs) =>
      status?.lastScheduleTime === undefined ? '<none>' : timeSince(status.lastScheduleTime, nowMs),
    ),
    AGE_COLUMN,
    ...templateColumns<CronJob>(({ spec }) => spec?.jobTemplate?.spec?.template),
    wideColumn('Selector', ({ spec }) => formatLabelSelector(spec?.jobTemplate?.spec?.selector)),
  ],
  setDefaults,
  prepareForCreate: (job) => {
    job.status = {};
  },
  validateCreate: validateCronJobCreate,
  validateUpdate: validateCronJobUpdate,
  warn: (next, old) => [
    ...(old === undefined ? warnAboutName(next) : []),
    ...(isNewSpec(next, old)
      ? warnAboutJobSpec(next.spec?.jobTemplate?.spec, 'spec.jobTemplate.spec')
      : []),
    ...(old !== undefined && next.spec?.schedule?.includes('TZ') === true ? [ZONE_WARNING] : []),
  ],
});
