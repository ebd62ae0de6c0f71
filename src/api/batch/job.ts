/**
 * Job: its selector and the labels of its pods are made from its uid, unless `manualSelector`.
 *
 * Source: upstream pkg/registry/batch/job/strategy.go, pkg/apis/batch/v1/defaults.go.
 */
import type { Job, JobSpec } from '#api/gen/batch-v1.ts';
import { defaultPodTemplate, labelLikePods } from '../core/pod-defaults.ts';
import { podGatedFields } from '../core/pod-gated-fields.ts';
import { defineKind } from '../kind.ts';
import {
  AGE_COLUMN,
  column,
  formatLabelSelector,
  NAME_COLUMN,
  templateColumns,
  wideColumn,
} from '../meta/columns.ts';
import { equalValues } from '../meta/equal.ts';
import { humanDuration } from '../meta/duration.ts';
import { validateJobStatus } from '../validation/job-status.ts';
import { validateJob, validateJobUpdate } from '../validation/job.ts';
import { warnAboutJobSpec } from '../validation/job-warnings.ts';
import { isNewSpec, warnAboutName } from '../validation/warnings.ts';

const BACKOFF_LIMIT = 6;
const INT32_MAX = 2 ** 31 - 1;
const UID_LABEL = 'batch.kubernetes.io/controller-uid';
const UID_LABELS = ['controller-uid', UID_LABEL];
const NAME_LABELS = ['job-name', 'batch.kubernetes.io/job-name'];

/** The defaults of a job's spec that a job template does not get. */
function defaultSpec(spec: JobSpec): void {
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
  spec.parallelism ??= 1;
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? BACKOFF_LIMIT : INT32_MAX;
  spec.completionMode ??= 'NonIndexed';
  spec.suspend ??= false;
  spec.podReplacementPolicy ??=
    spec.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed';
  spec.manualSelector ??= false;
}

/** The defaults of a job's spec that job templates get too. */
export function defaultJobTemplateSpec(spec: JobSpec): void {
  defaultPodTemplate(spec.template);
  for (const { onPodConditions } of spec.podFailurePolicy?.rules ?? []) {
    for (const pattern of onPodConditions ?? []) pattern.status ||= 'True';
  }
}

function setDefaults(job: Job): void {
  if (job.spec === undefined) return;
  defaultSpec(job.spec);
  defaultJobTemplateSpec(job.spec);
  labelLikePods(job);
}

/** Labels that the user set stay: validation refuses them when they disagree. */
function generateSelector(job: Job): void {
  const { spec, metadata } = job;
  if (spec === undefined || spec.manualSelector === true) return;
  const { uid = '', name = '' } = metadata ?? {};
  const made = {
    ...Object.fromEntries(NAME_LABELS.map((label) => [label, name])),
    ...Object.fromEntries(UID_LABELS.map((label) => [label, uid])),
  };
  spec.template ??= {};
  const given = spec.template.metadata?.labels;
  const labels = { ...made, ...given };
  // Labels that a default took from the template are the template's own to upstream: one map.
  if (given !== undefined && equalValues(metadata?.labels, given))
    job.metadata = { ...metadata, labels: { ...labels } };
  spec.template.metadata = { ...spec.template.metadata, labels };
  spec.selector = {
    ...spec.selector,
    matchLabels: { [UID_LABEL]: uid, ...spec.selector?.matchLabels },
  };
}

function completions({ spec, status }: Job): string {
  const done = status?.succeeded ?? 0;
  if (spec?.completions !== undefined) return `${done}/${spec.completions}`;
  const parallelism = spec?.parallelism ?? 0;
  return parallelism > 1 ? `${done}/1 of ${parallelism}` : `${done}/1`;
}

function duration({ status }: Job, nowMs: number): string {
  if (status?.startTime === undefined) return '';
  const end = status.completionTime === undefined ? nowMs : Date.parse(status.completionTime);
  return humanDuration(end - Date.parse(status.startTime));
}

function isTrue({ status }: Job, type: string): boolean {
  return status?.conditions?.find((condition) => condition.type === type)?.status === 'True';
}

function statusText(job: Job): string {
  if (isTrue(job, 'Complete')) return 'Complete';
  if (isTrue(job, 'Failed')) return 'Failed';
  if (job.metadata?.deletionTimestamp !== undefined) return 'Terminating';
  for (const type of ['Suspended', 'FailureTarget', 'SuccessCriteriaMet'])
    if (isTrue(job, type)) return type;
  return 'Running';
}

export const JOB = defineKind<Job>({
  group: 'batch',
  version: 'v1',
  kind: 'Job',
  plural: 'jobs',
  categories: ['all'],
  namespaced: true,
  schema: 'io.k8s.api.batch.v1.Job',
  gatedFields: podGatedFields('spec.template.spec'),
  hasStatus: true,
  prepareForStatusUpdate: labelLikePods,
  countsGeneration: true,
  unconditionalUpdate: true,
  defaultPropagation: 'Orphan',
  propagationWarning:
    'child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning',
  selectableFields: { 'status.successful': ({ status }) => String(status?.succeeded ?? 0) },
  columns: [
    NAME_COLUMN,
    column('Status', statusText),
    column('Completions', completions),
    column('Duration', duration),
    AGE_COLUMN,
    ...templateColumns<Job>(({ spec }) => spec?.template),
    wideColumn('Selector', ({ spec }) => formatLabelSelector(spec?.selector)),
  ],
  setDefaults,
  prepareForCreate: (job) => {
    generateSelector(job);
    job.status = {};
  },
  validate: validateJob,
  validateUpdate: validateJobUpdate,
  validateStatus: validateJobStatus,
  warn: (next, old) => [
    ...(old === undefined ? warnAboutName(next) : []),
    ...(isNewSpec(next, old) ? warnAboutJobSpec(next.spec, 'spec') : []),
  ],
});
