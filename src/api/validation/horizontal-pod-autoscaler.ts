/** Autoscalers, in the form of autoscaling/v2. Upstream: pkg/apis/autoscaling/validation/validation.go. */
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerSpec,
  HPAScalingPolicy,
  HPAScalingRules,
} from '#api/gen/autoscaling-v2.ts';
import {
  type FieldError,
  type FieldPath,
  fieldPath,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
} from '../meta/field.ts';
import { optionalOneOf, positive, present } from './common.ts';
import { nonnegative } from './metadata.ts';
import { validateMetric, validateReference, validateReferenceVersion } from './metrics.ts';
import { nonnegativeQuantity } from './resource-names.ts';

const SPEC = fieldPath('spec');
const PERIOD_SECONDS_MAX = 1800;
const WINDOW_SECONDS_MAX = 3600;
const SELECT_POLICIES = ['Disabled', 'Max', 'Min'];
const NOTHING_WAKES =
  'must specify at least one Object or External metric to support scaling to zero replicas';
const POLICY_TYPES = ['Percent', 'Pods'];

function validateReplicas(spec: HorizontalPodAutoscalerSpec | undefined): FieldError[] {
  const { minReplicas: min, maxReplicas: max = 0 } = spec ?? {};
  const errors: FieldError[] = [];
  const at = SPEC.child('maxReplicas');
  if (min !== undefined && min < 1) {
    errors.push(invalidValue(SPEC.child('minReplicas'), min, 'must be greater than or equal to 1'));
  }
  if (max === 0) errors.push(required(at, 'must be set and greater than 0'));
  else if (max < 0) errors.push(invalidValue(at, max, 'must be greater than or equal to 1'));
  if (min !== undefined && max < min) {
    errors.push(invalidValue(at, max, 'must be greater than or equal to `minReplicas`'));
  }
  return errors;
}

function validatePolicy(
  { type = '', value, periodSeconds }: Partial<HPAScalingPolicy>,
  at: FieldPath,
): FieldError[] {
  const errors: FieldError[] = [];
  if (!POLICY_TYPES.includes(type)) {
    errors.push(notSupported(at.child('type'), type, POLICY_TYPES));
  }
  const period = at.child('periodSeconds');
  errors.push(...positive(value, at.child('value')), ...positive(periodSeconds, period));
  if ((periodSeconds ?? 0) > PERIOD_SECONDS_MAX) {
    const detail = `must be less than or equal to ${PERIOD_SECONDS_MAX}`;
    errors.push(invalidValue(period, periodSeconds, detail));
  }
  return errors;
}

function validateRules(rules: HPAScalingRules | undefined, at: FieldPath): FieldError[] {
  if (rules === undefined) return [];
  const { stabilizationWindowSeconds: seconds = 0, policies = [], tolerance } = rules;
  const window = at.child('stabilizationWindowSeconds');
  const errors: FieldError[] = [];
  if (seconds < 0) {
    errors.push(invalidValue(window, seconds, 'must be greater than or equal to zero'));
  }
  if (seconds > WINDOW_SECONDS_MAX) {
    errors.push(
      invalidValue(window, seconds, `must be less than or equal to ${WINDOW_SECONDS_MAX}`),
    );
  }
  const list = at.child('policies');
  return [
    ...errors,
    ...optionalOneOf(rules.selectPolicy, SELECT_POLICIES, at.child('selectPolicy')),
    ...present(policies, list, 'must specify at least one Policy'),
    ...policies.flatMap((policy, i) => validatePolicy(policy, list.index(i))),
    ...(tolerance === undefined ? [] : nonnegativeQuantity(tolerance, at.child('tolerance'))),
  ];
}

export function validateHorizontalPodAutoscaler({ spec }: HorizontalPodAutoscaler): FieldError[] {
  const metrics = spec?.metrics ?? [];
  const wakes = metrics.some(({ type }) => type === 'Object' || type === 'External');
  const asleep =
    spec?.minReplicas === 0 && !wakes ? [forbiddenField(SPEC.child('metrics'), NOTHING_WAKES)] : [];
  const behavior = SPEC.child('behavior');
  return [
    ...validateReplicas(spec),
    ...validateReference(spec?.scaleTargetRef, SPEC.child('scaleTargetRef')),
    ...metrics.flatMap((metric, i) => validateMetric(metric, SPEC.child('metrics').index(i))),
    ...asleep,
    ...validateRules(spec?.behavior?.scaleUp, behavior.child('scaleUp')),
    ...validateRules(spec?.behavior?.scaleDown, behavior.child('scaleDown')),
  ];
}

/** What scales has a group, but for the one kind of the core group that does. */
export function validateHorizontalPodAutoscalerCreate({
  spec,
}: HorizontalPodAutoscaler): FieldError[] {
  const reference = spec?.scaleTargetRef ?? { kind: '', name: '' };
  const at = SPEC.child('scaleTargetRef', 'apiVersion');
  return validateReferenceVersion(reference, reference.kind !== 'ReplicationController', at);
}

/** A target that stays is not looked at again: older servers took others. */
export function validateHorizontalPodAutoscalerUpdate(
  next: HorizontalPodAutoscaler,
  old: HorizontalPodAutoscaler,
): FieldError[] {
  const target = next.spec?.scaleTargetRef;
  const before = old.spec?.scaleTargetRef;
  const stays = target?.kind === before?.kind && target?.apiVersion === before?.apiVersion;
  return stays ? [] : validateHorizontalPodAutoscalerCreate(next);
}

export function validateHorizontalPodAutoscalerStatus({
  status,
}: HorizontalPodAutoscaler): FieldError[] {
  const at = fieldPath('status');
  return (['currentReplicas', 'desiredReplicas'] as const).flatMap((field) =>
    nonnegative(status?.[field], at.child(field)),
  );
}
