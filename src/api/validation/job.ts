/** Jobs: specs and updates. Upstream: pkg/apis/batch/validation/validation.go. */
import type { Job, JobSpec } from '#api/gen/batch-v1.ts';
import type { PodTemplateSpec } from '#api/gen/core-v1.ts';
import { equalValues } from '../meta/equal.ts';
import {
  type FieldError,
  type FieldPath,
  fieldPath,
  invalidValue,
  notSupported,
  required,
  tooLong,
} from '../meta/field.ts';
import { isDns1123Label } from '../meta/names.ts';
import { validateDomainPath } from './common.ts';
import { validatePodFailurePolicy, validateSuccessPolicy } from './job-policies.ts';
import { immutable, validateLabelSelector } from './metadata.ts';
import { validatePodTemplate } from './pod-template.ts';
import { LABEL_SELECTOR, labelsShown, misses, validateCounts } from './workloads.ts';
import { goForm } from '../schema/go-form.ts';

const SPEC = fieldPath('spec');
const PARALLELISM_MAX = 100_000;
const FAILED_INDEXES_MAX = 100_000;
const MANY_COMPLETIONS = 100_000;
const MANY_PARALLELISM_MAX = 10_000;
const MANAGED_BY_MAX = 63;
const LABELS = [
  'controller-uid',
  'job-name',
  'batch.kubernetes.io/controller-uid',
  'batch.kubernetes.io/job-name',
];

function validateIndexed(spec: JobSpec, at: FieldPath): FieldError[] {
  const { completions, parallelism, maxFailedIndexes, backoffLimitPerIndex } = spec;
  const errors: FieldError[] = [];
  const atMost = (field: string, value: number | undefined, max: number, when: string): void => {
    if (value === undefined || value <= max) return;
    errors.push(
      invalidValue(at.child(field), value, `must be less than or equal to ${max}${when}`),
    );
  };
  if (completions === undefined)
    errors.push(required(at.child('completions'), 'when completion mode is Indexed'));
  atMost('parallelism', parallelism, PARALLELISM_MAX, ' when completion mode is Indexed');
  if (
    completions !== undefined &&
    maxFailedIndexes !== undefined &&
    maxFailedIndexes > completions
  ) {
    errors.push(
      invalidValue(
        at.child('maxFailedIndexes'),
        maxFailedIndexes,
        'must be less than or equal to completions',
      ),
    );
  }
  atMost('maxFailedIndexes', maxFailedIndexes, FAILED_INDEXES_MAX, '');
  if ((completions ?? 0) <= MANY_COMPLETIONS || backoffLimitPerIndex === undefined) return errors;
  if (maxFailedIndexes === undefined) {
    const detail = `must be specified when completions is above ${MANY_COMPLETIONS}`;
    errors.push(required(at.child('maxFailedIndexes'), detail));
  }
  const when = ` when completions are above ${MANY_COMPLETIONS} and used with backoff limit per index`;
  atMost('parallelism', parallelism, MANY_PARALLELISM_MAX, when);
  atMost('maxFailedIndexes', maxFailedIndexes, MANY_PARALLELISM_MAX, when);
  return errors;
}

function validateCompletionMode(spec: JobSpec, at: FieldPath): FieldError[] {
  const mode = spec.completionMode ?? 'NonIndexed';
  if (mode === 'Indexed') return validateIndexed(spec, at);
  if (mode !== 'NonIndexed')
    return [notSupported(at.child('completionMode'), mode, ['NonIndexed', 'Indexed'])];
  const errors: FieldError[] = [];
  for (const field of ['backoffLimitPerIndex', 'maxFailedIndexes'] as const) {
    if (spec[field] !== undefined) {
      errors.push(invalidValue(at.child(field), spec[field], 'requires indexed completion mode'));
    }
  }
  return errors;
}

function validateRestartPolicy(spec: JobSpec, at: FieldPath): FieldError[] {
  const policy: string = spec.template?.spec?.restartPolicy ?? '';
  const where = at.child('template', 'spec', 'restartPolicy');
  if (policy === 'Always' || policy === '')
    return [required(where, 'valid values: "OnFailure", "Never"')];
  if (policy !== 'OnFailure' && policy !== 'Never')
    return [notSupported(where, policy, ['OnFailure', 'Never'])];
  return spec.podFailurePolicy !== undefined && policy !== 'Never'
    ? [invalidValue(where, policy, 'only "Never" is supported when podFailurePolicy is specified')]
    : [];
}

function validateReplacement(
  { podReplacementPolicy: policy, podFailurePolicy }: JobSpec,
  at: FieldPath,
): FieldError[] {
  if (policy === undefined) return [];
  const allowed = podFailurePolicy === undefined ? ['Failed', 'TerminatingOrFailed'] : ['Failed'];
  return allowed.includes(policy)
    ? []
    : [notSupported(at.child('podReplacementPolicy'), policy, allowed)];
}

/** The spec of a job, in jobs and in templates of jobs; the selector is not looked at. */
export function validateJobSpec(spec: JobSpec | undefined, at: FieldPath): FieldError[] {
  if (spec === undefined) return [required(at.child('template'))];
  const errors = validateCounts(
    spec,
    [
      'parallelism',
      'completions',
      'activeDeadlineSeconds',
      'backoffLimit',
      'ttlSecondsAfterFinished',
      'backoffLimitPerIndex',
      'maxFailedIndexes',
    ],
    at,
  );
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined) {
    errors.push(required(at.child('backoffLimitPerIndex'), 'when maxFailedIndexes is specified'));
  }
  if (spec.managedBy !== undefined) {
    errors.push(...validateDomainPath(spec.managedBy, at.child('managedBy')));
    if (spec.managedBy.length > MANAGED_BY_MAX)
      errors.push(tooLong(at.child('managedBy'), MANAGED_BY_MAX));
  }
  return [
    ...errors,
    ...validateCompletionMode(spec, at),
    ...validatePodFailurePolicy(spec, at.child('podFailurePolicy')),
    ...validateSuccessPolicy(spec, at.child('successPolicy')),
    ...validateReplacement(spec, at),
    ...validatePodTemplate(spec.template, at.child('template')),
    ...validateRestartPolicy(spec, at),
  ];
}

/** The labels and the selector that the server made for a job are there and say what they should. */
function validateGenerated({ spec, metadata }: Job): FieldError[] {
  if (spec?.manualSelector === true || spec?.selector === undefined) return [];
  const { uid = '', name = '' } = metadata ?? {};
  const at = SPEC.child('template', 'metadata', 'labels');
  const errors: FieldError[] = [];
  const expected: Record<string, string> = {};
  for (const key of LABELS) {
    const wanted = key.endsWith('uid') ? uid : name;
    expected[key] = wanted;
    const actual = spec.template?.metadata?.labels?.[key];
    if (actual === undefined) errors.push(required(at.key(key), `must be '${wanted}'`));
    else if (actual !== wanted)
      errors.push(
        invalidValue(at.key(key), spec.template?.metadata?.labels, `must be '${wanted}'`),
      );
  }
  if (misses(spec.selector, expected)) {
    errors.push(
      invalidValue(SPEC.child('selector'), spec.selector, '`selector` not auto-generated'),
    );
  }
  return errors;
}

function validateHostnames({ spec, metadata }: Job): FieldError[] {
  const { completionMode, completions = 0 } = spec ?? {};
  if (completionMode !== 'Indexed' || completions <= 0) return [];
  const name = metadata?.name ?? '';
  const hostname = `${name}-${completions - 1}`;
  if (isDns1123Label(hostname).length === 0) return [];
  const detail = `will not able to create pod with invalid DNS label: ${hostname}`;
  return [invalidValue(fieldPath('metadata').child('name'), name, detail)];
}

export function validateJob(job: Job): FieldError[] {
  return [...validateGenerated(job), ...validateWholeSpec(job), ...validateHostnames(job)];
}

/** The spec with its selector. */
function validateWholeSpec({ spec }: Job): FieldError[] {
  const errors = validateJobSpec(spec, SPEC);
  if (spec?.selector === undefined) errors.push(required(SPEC.child('selector')));
  else errors.push(...validateLabelSelector(spec.selector, SPEC.child('selector')));
  const labels = spec?.template?.metadata?.labels;
  // No selector selects nothing.
  if (spec?.selector === undefined || misses(spec.selector, labels)) {
    const at = SPEC.child('template', 'metadata', 'labels');
    const detail = '`selector` does not match template `labels`';
    errors.push(invalidValue(at, labelsShown(spec?.template), detail));
  }
  return errors;
}

/** While a job is suspended and none of its pods runs, where and with what they run may change. */
function mayChangeTemplate({ spec, status }: Job): boolean {
  const suspended = status?.conditions?.some(
    ({ type, status: value }) => type === 'Suspended' && value === 'True',
  );
  return (
    spec?.suspend === true &&
    (status?.startTime === undefined || (suspended === true && (status.active ?? 0) === 0))
  );
}

function withoutMutable(template: PodTemplateSpec | undefined): object {
  const { spec } = template ?? {};
  const {
    nodeSelector: _nodes,
    tolerations: _tolerations,
    schedulingGates: _gates,
    affinity,
    ...rest
  } = spec ?? {};
  const { nodeAffinity: _affinity, ...others } = affinity ?? {};
  const bare = (containers: readonly { resources?: unknown }[] | undefined): object[] =>
    (containers ?? []).map(({ resources: _resources, ...container }) => container);
  const containers = bare(spec?.containers);
  return {
    spec: { ...rest, containers, initContainers: bare(spec?.initContainers) },
    affinity: others,
  };
}

function validateTemplateUpdate(next: Job, old: Job): FieldError[] {
  const at = SPEC.child('template');
  const after = next.spec?.template;
  const before = old.spec?.template;
  if (!mayChangeTemplate(old))
    return immutable(after, before, at, 'io.k8s.api.core.v1.PodTemplateSpec');
  // What else the template has (its metadata) may change with where the pods run.
  return equalValues(withoutMutable(after), withoutMutable(before))
    ? []
    : [
        invalidValue(
          at.child('spec'),
          goForm('io.k8s.api.core.v1.PodSpec', after?.spec ?? {}),
          'field is immutable',
        ),
      ];
}

function validateCompletions(next: JobSpec, old: JobSpec): FieldError[] {
  const at = SPEC.child('completions');
  if (next.completionMode !== 'Indexed') return immutable(next.completions, old.completions, at);
  if (next.completions === undefined || next.completions === old.completions) return [];
  if (next.completions === next.parallelism) return [];
  return [
    invalidValue(at, next.completions, 'can only be modified in tandem with spec.parallelism'),
  ];
}

const TYPES: Readonly<Record<string, `io.k8s.${string}`>> = {
  podFailurePolicy: 'io.k8s.api.batch.v1.PodFailurePolicy',
  successPolicy: 'io.k8s.api.batch.v1.SuccessPolicy',
};

export function validateJobUpdate(next: Job, old: Job): FieldError[] {
  const after = next.spec;
  const before = old.spec;
  if (after === undefined || before === undefined) return [];
  const fixed = [
    'completionMode',
    'podFailurePolicy',
    'backoffLimitPerIndex',
    'managedBy',
    'successPolicy',
  ] as const;
  return [
    // Upstream looks at it a second time here.
    ...validateWholeSpec(next),
    ...validateCompletions(after, before),
    ...immutable(after.selector, before.selector, SPEC.child('selector'), LABEL_SELECTOR),
    ...validateTemplateUpdate(next, old),
    ...fixed.flatMap((field) =>
      immutable(after[field], before[field], SPEC.child(field), TYPES[field]),
    ),
  ];
}
