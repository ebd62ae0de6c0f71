/** Disruption budgets. Upstream: pkg/apis/policy/validation/validation.go. */
import type { PodDisruptionBudget } from '#api/gen/policy-v1.ts';
import { type FieldError, fieldPath, invalidValue } from '../meta/field.ts';
import { optionalOneOf } from './common.ts';
import { atMostAll, validateIntOrPercent } from './int-or-percent.ts';
import { nonnegative, validateConditions, validateLabelSelector } from './metadata.ts';
import { goForm } from '../schema/go-form.ts';

const SPEC = fieldPath('spec');
const COUNTS = ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'] as const;

export function validatePodDisruptionBudget({ spec = {} }: PodDisruptionBudget): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.minAvailable !== undefined && spec.maxUnavailable !== undefined) {
    const detail = 'minAvailable and maxUnavailable cannot be both set';
    errors.push(
      invalidValue(SPEC, goForm('io.k8s.api.policy.v1.PodDisruptionBudgetSpec', spec), detail),
    );
  }
  for (const field of ['minAvailable', 'maxUnavailable'] as const) {
    const at = SPEC.child(field);
    errors.push(...validateIntOrPercent(spec[field], at), ...atMostAll(spec[field], at));
  }
  const policy = SPEC.child('unhealthyPodEvictionPolicy');
  return [
    ...errors,
    ...validateLabelSelector(spec.selector, SPEC.child('selector')),
    ...optionalOneOf(spec.unhealthyPodEvictionPolicy, ['AlwaysAllow', 'IfHealthyBudget'], policy),
  ];
}

export function validatePodDisruptionBudgetStatus({ status }: PodDisruptionBudget): FieldError[] {
  const at = fieldPath('status');
  return [
    ...validateConditions(status?.conditions, at.child('conditions')),
    ...COUNTS.flatMap((field) => nonnegative(status?.[field], at.child(field))),
  ];
}
