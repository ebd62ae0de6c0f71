/** Tolerations, topology spread, gates: how a pod is placed. Upstream: pkg/apis/core/validation. */
import type { PodSchedulingGate, Toleration, TopologySpreadConstraint } from '#api/gen/core-v1.ts';
import {
  duplicate,
  type FieldError,
  type FieldPath,
  invalidValue,
  notSupported,
  required,
} from '../meta/field.ts';
import { isLabelValue } from '../meta/names.ts';
import { oneOf, optionalOneOf, positive, qualifiedName } from './common.ts';
import { validateLabelKeys } from './affinity.ts';
import { validateLabelSelector } from './metadata.ts';

export const TAINT_EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

export function validateTolerations(
  tolerations: readonly Toleration[] | undefined,
  at: FieldPath,
): FieldError[] {
  return (tolerations ?? []).flatMap((toleration, i) =>
    validateToleration(toleration, at.index(i)),
  );
}

function validateToleration(toleration: Toleration, at: FieldPath): FieldError[] {
  const { key = '', operator = '', value = '', effect = '', tolerationSeconds } = toleration;
  const errors = key === '' ? [] : qualifiedName(key, at.child('key'));
  if (key === '' && operator !== 'Exists') {
    const detail =
      'operator must be Exists when `key` is empty, which means "match all values and all keys"';
    errors.push(invalidValue(at.child('operator'), operator, detail));
  }
  if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
    errors.push(
      invalidValue(
        at.child('effect'),
        effect,
        "effect must be 'NoExecute' when `tolerationSeconds` is set",
      ),
    );
  }
  if (operator === 'Equal' || operator === '') {
    const messages = isLabelValue(value);
    if (messages.length > 0)
      errors.push(invalidValue(at.child('operator'), value, messages.join(';')));
  } else if (operator === 'Exists') {
    if (value !== '') {
      errors.push(
        invalidValue(
          at.child('operator'),
          value,
          "value must be empty when `operator` is 'Exists'",
        ),
      );
    }
  } else if (operator === 'Lt' || operator === 'Gt') {
    errors.push(notSupported(at.child('operator'), operator, ['Equal', 'Exists', 'Lt', 'Gt']));
  } else errors.push(notSupported(at.child('operator'), operator, ['Equal', 'Exists']));
  return [...errors, ...(effect === '' ? [] : oneOf(effect, TAINT_EFFECTS, at.child('effect')))];
}

export function validateTopologySpread(
  constraints: readonly TopologySpreadConstraint[] | undefined,
  at: FieldPath,
): FieldError[] {
  const all = constraints ?? [];
  return all.flatMap((constraint, i) => [
    ...validateConstraint(constraint, at.index(i)),
    ...(all.slice(i + 1).some((other) => sameSpread(constraint, other))
      ? [
          duplicate(
            at.index(i).child('{topologyKey, whenUnsatisfiable}'),
            `{${constraint.topologyKey}, ${constraint.whenUnsatisfiable}}`,
          ),
        ]
      : []),
  ]);
}

function sameSpread(left: TopologySpreadConstraint, right: TopologySpreadConstraint): boolean {
  return (
    left.topologyKey === right.topologyKey && left.whenUnsatisfiable === right.whenUnsatisfiable
  );
}

function validateConstraint(constraint: TopologySpreadConstraint, at: FieldPath): FieldError[] {
  const { maxSkew, topologyKey, minDomains } = constraint;
  const action: string = constraint.whenUnsatisfiable ?? '';
  const errors = positive(maxSkew, at.child('maxSkew'));
  if (!topologyKey) errors.push(required(at.child('topologyKey'), 'can not be empty'));
  const actions = ['DoNotSchedule', 'ScheduleAnyway'];
  if (!actions.includes(action))
    errors.push(notSupported(at.child('whenUnsatisfiable'), action, actions));
  if (minDomains !== undefined) {
    errors.push(...positive(minDomains, at.child('minDomains')));
    if (action !== 'DoNotSchedule') {
      const detail = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${action}`;
      errors.push(invalidValue(at.child('minDomains'), minDomains, detail));
    }
  }
  return [
    ...errors,
    ...optionalOneOf(
      constraint.nodeAffinityPolicy,
      ['Honor', 'Ignore'],
      at.child('nodeAffinityPolicy'),
    ),
    ...optionalOneOf(
      constraint.nodeTaintsPolicy,
      ['Honor', 'Ignore'],
      at.child('nodeTaintsPolicy'),
    ),
    ...validateLabelKeys(constraint, at),
    ...validateLabelSelector(constraint.labelSelector, at.child('labelSelector')),
  ];
}

export function validateSchedulingGates(
  gates: readonly PodSchedulingGate[] | undefined,
  at: FieldPath,
): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, { name = '' }] of (gates ?? []).entries()) {
    errors.push(...qualifiedName(name, at.index(i)));
    if (seen.has(name)) errors.push(duplicate(at.index(i), name));
    seen.add(name);
  }
  return errors;
}
