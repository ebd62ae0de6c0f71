/** Failure and success policies of jobs. Upstream: pkg/apis/batch/validation/validation.go. */
import type {
  JobSpec,
  PodFailurePolicyOnExitCodesRequirement,
  PodFailurePolicyRule,
  SuccessPolicyRule,
} from '#api/gen/batch-v1.ts';
import {
  duplicate,
  type FieldError,
  type FieldPath,
  invalidValue,
  notSupported,
  OMITTED,
  required,
  tooLong,
  tooMany,
} from '../meta/field.ts';
import { IndexError, parseIndexes } from '../batch/indexes.ts';
import { qualifiedName } from './common.ts';
import { nonnegative } from './metadata.ts';
import { goForm } from '../schema/go-form.ts';

const RULES_MAX = 20;
const EXIT_CODES_MAX = 255;
const PATTERNS_MAX = 20;
const SUCCEEDED_INDEXES_BYTES_MAX = 64 * 1024;

/** As upstream lists values in a sentence. */
const quoted = (values: readonly string[]): string =>
  `[${values.map((value) => JSON.stringify(value)).join(' ')}]`;

function oneOfListed(value: string, values: readonly string[], at: FieldPath): FieldError[] {
  if (value === '') return [required(at, `valid values: ${quoted(values)}`)];
  return values.includes(value) ? [] : [notSupported(at, value, values)];
}

function validateExitCodes(
  requirement: Partial<PodFailurePolicyOnExitCodesRequirement>,
  spec: JobSpec,
  at: FieldPath,
): FieldError[] {
  const { operator = '', containerName, values = [] } = requirement;
  const errors = oneOfListed(operator, ['In', 'NotIn'], at.child('operator'));
  const pod = spec.template?.spec;
  const names = [...(pod?.containers ?? []), ...(pod?.initContainers ?? [])].map(
    ({ name }) => name,
  );
  if (containerName !== undefined && !names.includes(containerName)) {
    const detail = 'must be one of the container or initContainer names in the pod template';
    errors.push(invalidValue(at.child('containerName'), containerName, detail));
  }
  const where = at.child('values');
  if (values.length === 0)
    errors.push(invalidValue(where, values, 'at least one value is required'));
  else if (values.length > EXIT_CODES_MAX)
    errors.push(tooMany(where, values.length, EXIT_CODES_MAX));
  for (const [i, value] of values.entries()) {
    if (operator === 'In' && value === 0) {
      errors.push(invalidValue(where.index(i), value, 'must not be 0 for the In operator'));
    }
    if (values.indexOf(value) < i) errors.push(duplicate(where.index(i), value));
  }
  if (values.some((value, i) => (values[i - 1] ?? value) > value)) {
    errors.push(invalidValue(where, values, 'must be ordered'));
  }
  return errors;
}

function validateFailureRule(
  rule: PodFailurePolicyRule,
  spec: JobSpec,
  at: FieldPath,
): FieldError[] {
  const action: string = rule.action ?? '';
  const errors =
    action === 'FailIndex'
      ? spec.backoffLimitPerIndex === undefined
        ? [invalidValue(at.child('action'), action, 'requires the backoffLimitPerIndex to be set')]
        : []
      : oneOfListed(action, ['Count', 'FailIndex', 'FailJob', 'Ignore'], at.child('action'));
  const patterns = rule.onPodConditions ?? [];
  if (rule.onExitCodes !== undefined)
    errors.push(...validateExitCodes(rule.onExitCodes, spec, at.child('onExitCodes')));
  if (patterns.length > PATTERNS_MAX)
    errors.push(tooMany(at.child('onPodConditions'), patterns.length, PATTERNS_MAX));
  for (const [i, { type, status = '' }] of patterns.entries()) {
    const here = at.child('onPodConditions').index(i);
    errors.push(...qualifiedName(type, here.child('type')));
    errors.push(...oneOfListed(status, ['False', 'True', 'Unknown'], here.child('status')));
  }
  if (rule.onExitCodes !== undefined && patterns.length > 0) {
    errors.push(
      invalidValue(at, OMITTED, 'specifying both OnExitCodes and OnPodConditions is not supported'),
    );
  }
  if (rule.onExitCodes === undefined && patterns.length === 0) {
    errors.push(
      invalidValue(at, OMITTED, 'specifying one of OnExitCodes and OnPodConditions is required'),
    );
  }
  return errors;
}

export function validatePodFailurePolicy(spec: JobSpec, at: FieldPath): FieldError[] {
  if (spec.podFailurePolicy === undefined) return [];
  const rules = spec.podFailurePolicy.rules ?? [];
  const where = at.child('rules');
  const errors = rules.length > RULES_MAX ? [tooMany(where, rules.length, RULES_MAX)] : [];
  return [
    ...errors,
    ...rules.flatMap((rule, i) => validateFailureRule(rule, spec, where.index(i))),
  ];
}

function validateSuccessRule(
  rule: SuccessPolicyRule,
  completions: number,
  at: FieldPath,
): FieldError[] {
  const { succeededCount: count, succeededIndexes: indexes } = rule;
  const errors: FieldError[] = [];
  if (count === undefined && indexes === undefined) {
    errors.push(
      required(at, 'at least one of succeededCount or succeededIndexes must be specified'),
    );
  }
  let total = 0;
  if (indexes !== undefined) {
    const where = at.child('succeededIndexes');
    if (indexes.length > SUCCEEDED_INDEXES_BYTES_MAX)
      errors.push(tooLong(where, SUCCEEDED_INDEXES_BYTES_MAX));
    try {
      total = parseIndexes(indexes, completions).total;
    } catch (error) {
      if (!(error instanceof IndexError)) throw error;
      errors.push(invalidValue(where, indexes, `error parsing succeededIndexes: ${error.message}`));
    }
  }
  if (count === undefined) return errors;
  const where = at.child('succeededCount');
  errors.push(...nonnegative(count, where));
  if (count > completions) {
    const detail = `must be less than or equal to ${completions} (the number of specified completions)`;
    errors.push(invalidValue(where, count, detail));
  }
  if (indexes !== undefined && count > total) {
    const detail = `must be less than or equal to ${total} (the number of indexes in the specified succeededIndexes field)`;
    errors.push(invalidValue(where, count, detail));
  }
  return errors;
}

export function validateSuccessPolicy(spec: JobSpec, at: FieldPath): FieldError[] {
  if (spec.successPolicy === undefined) return [];
  if (spec.completionMode !== 'Indexed') {
    return [
      invalidValue(
        at,
        goForm('io.k8s.api.batch.v1.SuccessPolicy', spec.successPolicy),
        'requires indexed completion mode',
      ),
    ];
  }
  const rules = spec.successPolicy.rules ?? [];
  const where = at.child('rules');
  const errors: FieldError[] = [];
  if (rules.length === 0) {
    errors.push(
      required(where, 'at least one rules must be specified when the successPolicy is specified'),
    );
  }
  if (rules.length > RULES_MAX) errors.push(tooMany(where, rules.length, RULES_MAX));
  const completions = spec.completions ?? 0;
  return [
    ...errors,
    ...rules.flatMap((rule, i) => validateSuccessRule(rule, completions, where.index(i))),
  ];
}
