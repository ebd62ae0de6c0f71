/** What workload kinds ask of their selectors, templates and replica counts. Upstream: pkg/apis/apps/validation. */
import type { PodTemplateSpec } from '#api/gen/core-v1.ts';
import {
  type FieldError,
  type FieldPath,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  ROOT,
} from '../meta/field.ts';
import { type Labels, labelSelectorMatches } from '../meta/labels.ts';
import type { LabelSelector } from '../meta/object.ts';
import { isEmptySelector, nonnegative, validateLabelSelector } from './metadata.ts';
import { validatePodTemplate } from './pod-template.ts';

/** Required, valid, and not empty. `kind` as upstream's message has it. */
export function validateSelector(
  selector: LabelSelector | undefined,
  at: FieldPath,
  kind: string,
): FieldError[] {
  if (selector === undefined) return [required(at)];
  const errors = validateLabelSelector(selector, at);
  if (errors.length > 0 && kind !== 'daemonset') {
    errors.push(invalidValue(at, selector, kind === 'deployment' ? 'invalid label selector' : ''));
  }
  if (isEmptySelector(selector))
    errors.push(invalidValue(at, selector, `empty selector is invalid for ${kind}`));
  return errors;
}

/** Whether a selector does not select `labels`; false for one that is refused by itself. */
export function misses(selector: LabelSelector | undefined, labels: Labels): boolean {
  return (
    validateLabelSelector(selector, ROOT).length === 0 && !labelSelectorMatches(selector, labels)
  );
}

/** A selector that selects nothing of its own template would make pods without end. */
export function validateTemplateLabels(
  selector: LabelSelector | undefined,
  template: PodTemplateSpec | undefined,
  at: FieldPath,
): FieldError[] {
  if (selector !== undefined && isEmptySelector(selector)) return [];
  const labels = template?.metadata?.labels;
  if (!misses(selector, labels)) return [];
  return [
    invalidValue(
      at.child('metadata', 'labels'),
      labels ?? null,
      '`selector` does not match template `labels`',
    ),
  ];
}

/** A template of pods that run forever. `kind` as upstream's message has it. */
export function validateRunningTemplate(
  template: PodTemplateSpec | undefined,
  at: FieldPath,
  kind: string,
): FieldError[] {
  const errors = validatePodTemplate(template, at);
  const { restartPolicy, activeDeadlineSeconds } = template?.spec ?? {};
  if (restartPolicy !== 'Always') {
    errors.push(notSupported(at.child('spec', 'restartPolicy'), restartPolicy ?? '', ['Always']));
  }
  if (activeDeadlineSeconds !== undefined) {
    const where = at.child('spec', 'activeDeadlineSeconds');
    errors.push(forbiddenField(where, `activeDeadlineSeconds in ${kind} is not Supported`));
  }
  return errors;
}

/** Each of `names` is absent or not negative. */
export function validateCounts<T extends object>(
  counts: T | undefined,
  names: readonly (keyof T & string)[],
  at: FieldPath,
): FieldError[] {
  return names.flatMap((name) => {
    const value = counts?.[name];
    return typeof value === 'number' ? nonnegative(value, at.child(name)) : [];
  });
}

/** Each of `names` is at most `limit`. */
export function validateAtMost<T extends object>(
  counts: T | undefined,
  names: readonly (keyof T & string)[],
  {
    limit,
    detail,
    at,
  }: { readonly limit: number | undefined; readonly detail: string; readonly at: FieldPath },
): FieldError[] {
  return names.flatMap((name) => {
    const value = counts?.[name] ?? 0;
    return typeof value === 'number' && value > (limit ?? 0)
      ? [invalidValue(at.child(name), value, detail)]
      : [];
  });
}

interface Collided {
  readonly status?: { readonly collisionCount?: number };
}

export function validateCollisionCount(next: Collided, old: Collided, at: FieldPath): FieldError[] {
  const after = next.status?.collisionCount ?? 0;
  const before = old.status?.collisionCount ?? 0;
  return after < before
    ? [invalidValue(at.child('collisionCount'), after, 'cannot be decremented')]
    : [];
}
