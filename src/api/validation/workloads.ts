/**
 * What workload kinds ask of their selectors, templates and replica counts.
 *
 * Upstream: pkg/apis/apps/validation/validation.go.
 */
import type { PodTemplateSpec } from '#api/gen/core-v1.ts';
import {
  type FieldError,
  type FieldPath,
  fieldPath,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  ROOT,
} from '../meta/field.ts';
import { type Labels, labelSelectorMatches } from '../meta/labels.ts';
import type { LabelSelector } from '../meta/object.ts';
import { immutable, isEmptySelector, nonnegative, validateLabelSelector } from './metadata.ts';
import { validatePodTemplate } from './pod-template.ts';
import { wasSentEmpty } from '../meta/json.ts';
import { goForm } from '../schema/go-form.ts';

export const SPEC = fieldPath('spec');
export const STATUS = fieldPath('status');
export const TEMPLATE = SPEC.child('template');
const SELECTOR = SPEC.child('selector');
export const LABEL_SELECTOR = 'io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector';

/** What all workloads have. */
interface WorkloadSpec {
  readonly selector?: LabelSelector | undefined;
  readonly template?: PodTemplateSpec | undefined;
}

/**
 * The selector is there, valid and not empty, and selects the pods of the template: else the
 * controller would make pods without end. `kind` as upstream's messages have it.
 */
export function validateSelection(
  spec: WorkloadSpec | undefined,
  kind: 'deployment' | 'statefulset' | 'daemonset',
): FieldError[] {
  const { selector, template } = spec ?? {};
  const errors = validateSelector(selector, kind);
  const labels = template?.metadata?.labels;
  if (misses(selector, labels)) {
    const detail = '`selector` does not match template `labels`';
    errors.push(invalidValue(TEMPLATE.child('metadata', 'labels'), labelsShown(template), detail));
  }
  return errors;
}

/** The labels of a template as Go has them: none are null, unless they were sent empty. */
export function labelsShown(template: PodTemplateSpec | undefined): Labels | null {
  const metadata = template?.metadata;
  return metadata?.labels ?? (wasSentEmpty(metadata, 'labels') ? {} : null);
}

function validateSelector(selector: LabelSelector | undefined, kind: string): FieldError[] {
  if (selector === undefined) return kind === 'daemonset' ? [] : [required(SELECTOR)];
  const errors = validateLabelSelector(selector, SELECTOR);
  if (errors.length > 0 && kind !== 'daemonset') {
    const detail = kind === 'deployment' ? 'invalid label selector' : '';
    errors.push(invalidValue(SELECTOR, goForm(LABEL_SELECTOR, selector), detail));
  }
  if (isEmptySelector(selector))
    errors.push(invalidValue(SELECTOR, selector, `empty selector is invalid for ${kind}`));
  return errors;
}

/** Whether a selector does not select `labels`; false for one that is refused by itself. */
export function misses(selector: LabelSelector | undefined, labels: Labels): boolean {
  return (
    validateLabelSelector(selector, ROOT).length === 0 && !labelSelectorMatches(selector, labels)
  );
}

/**
 * Whether a selector can be read at all: what it cannot select is not looked at, but for the
 * template of a DaemonSet.
 */
export function hasReadableSelector(spec: WorkloadSpec | undefined): boolean {
  return validateLabelSelector(spec?.selector, ROOT).length === 0;
}

/** A workload selects the same pods all its life. */
export function validateSameSelector(
  next: { readonly spec?: WorkloadSpec },
  old: { readonly spec?: WorkloadSpec },
): FieldError[] {
  return immutable(next.spec?.selector, old.spec?.selector, SELECTOR, LABEL_SELECTOR);
}

/** A template of pods that run forever. `kind` as upstream's message has it. */
export function validateRunningTemplate(
  template: PodTemplateSpec | undefined,
  kind: string,
): FieldError[] {
  return [...validatePodTemplate(template, TEMPLATE), ...validateRunningForever(template, kind)];
}

export function validateRunningForever(
  template: PodTemplateSpec | undefined,
  kind: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const { restartPolicy, activeDeadlineSeconds } = template?.spec ?? {};
  if (restartPolicy !== 'Always') {
    errors.push(
      notSupported(TEMPLATE.child('spec', 'restartPolicy'), restartPolicy ?? '', ['Always']),
    );
  }
  if (activeDeadlineSeconds !== undefined) {
    const where = TEMPLATE.child('spec', 'activeDeadlineSeconds');
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

/**
 * Counts of a status: none is negative, no part is greater than all the replicas, and what is
 * available is ready. `readyDetail` is what upstream says of the last.
 */
export function validateReplicaCounts<T extends ReplicaCounts>(
  status: T | undefined,
  { parts, others, readyDetail = 'cannot be greater than readyReplicas' }: ReplicaRules<T>,
): FieldError[] {
  const { replicas = 0, readyReplicas = 0, availableReplicas = 0 } = status ?? {};
  const errors = validateCounts(status, ['replicas', ...parts, ...others], STATUS);
  for (const name of parts) {
    const part = status?.[name];
    if (typeof part !== 'number' || part <= replicas) continue;
    const detail = 'cannot be greater than status.replicas';
    errors.push(invalidValue(STATUS.child(name), part, detail));
  }
  if (availableReplicas > readyReplicas) {
    errors.push(invalidValue(STATUS.child('availableReplicas'), availableReplicas, readyDetail));
  }
  return errors;
}

interface ReplicaCounts {
  readonly replicas?: number;
  readonly readyReplicas?: number;
  readonly availableReplicas?: number;
}

interface ReplicaRules<T> {
  /** Which count some of the replicas. */
  readonly parts: readonly (keyof T & string)[];
  /** Which only must not be negative. */
  readonly others: readonly (keyof T & string)[];
  readonly readyDetail?: string;
}

interface Collided {
  readonly status?: { readonly collisionCount?: number };
}

export function validateCollisionCount(next: Collided, old: Collided): FieldError[] {
  const after = next.status?.collisionCount;
  const before = old.status?.collisionCount;
  const isLess = before !== undefined && (after === undefined || after < before);
  return isLess
    ? [invalidValue(STATUS.child('collisionCount'), after ?? 0, 'cannot be decremented')]
    : [];
}
