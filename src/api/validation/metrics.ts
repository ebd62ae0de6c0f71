/** Metrics of autoscalers. Upstream: pkg/apis/autoscaling/validation/validation.go. */
import type {
  CrossVersionObjectReference,
  MetricIdentifier,
  MetricSpec,
  MetricTarget,
} from '#api/gen/autoscaling-v2.ts';
import { compareQuantity } from '../codec/quantity.ts';
import {
  type FieldError,
  type FieldPath,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
} from '../meta/field.ts';
import { isPathSegmentName } from '../meta/names.ts';
import { label, segment } from './common.ts';
import { invalidAll } from './metadata.ts';
import { validateContainerResourceName } from './resource-names.ts';

/** Types of metrics and the fields that hold them. */
const FIELDS = {
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
  External: 'external',
  ContainerResource: 'containerResource',
} as const;
const TYPES = Object.keys(FIELDS).toSorted();
const TARGET_TYPES = ['Utilization', 'Value', 'AverageValue'];

/** What is wrong with an apiVersion. `needsGroup`: only kinds outside of the core group scale. */
export function validateReferenceVersion(
  { apiVersion = '' }: CrossVersionObjectReference,
  needsGroup: boolean,
  at: FieldPath,
): FieldError[] {
  const slashes = apiVersion.split('/').length - 1;
  if (slashes > 1) {
    return [invalidValue(at, apiVersion, `unexpected GroupVersion string: ${apiVersion}`)];
  }
  const group = slashes === 1 ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  if (!needsGroup || group !== '') return [];
  return [invalidValue(at, apiVersion, 'apiVersion must specify API group')];
}

export function validateReference(
  reference: CrossVersionObjectReference | undefined,
  at: FieldPath,
): FieldError[] {
  return [
    ...segment(reference?.kind, at.child('kind')),
    ...segment(reference?.name, at.child('name')),
  ];
}

function validateTarget(target: MetricTarget | undefined, at: FieldPath): FieldError[] {
  const { type = '', averageUtilization } = target ?? {};
  const errors: FieldError[] = [];
  if (type === '') errors.push(required(at.child('type'), 'must specify a metric target type'));
  if (!TARGET_TYPES.includes(type)) {
    const detail = 'must be either Utilization, Value, or AverageValue';
    errors.push(invalidValue(at.child('type'), type, detail));
  }
  for (const field of ['value', 'averageValue'] as const) {
    const value = target?.[field];
    if (value !== undefined && compareQuantity(value, '0') <= 0) {
      errors.push(invalidValue(at.child(field), value, 'must be positive'));
    }
  }
  if (averageUtilization !== undefined && averageUtilization < 1) {
    const where = at.child('averageUtilization');
    errors.push(invalidValue(where, averageUtilization, 'must be greater than 0'));
  }
  return errors;
}

function validateIdentifier(metric: MetricIdentifier | undefined, at: FieldPath): FieldError[] {
  const name = metric?.name ?? '';
  if (name === '') return [required(at.child('name'), 'must specify a metric name')];
  return invalidAll(at.child('name'), name, isPathSegmentName(name));
}

function validateObject(source: NonNullable<MetricSpec['object']>, at: FieldPath): FieldError[] {
  const { describedObject, metric, target } = source;
  const version = at.child('describedObject', 'apiVersion');
  const errors = [
    ...validateReference(describedObject, at.child('describedObject')),
    ...validateReferenceVersion(describedObject ?? {}, false, version),
    ...validateIdentifier(metric, at.child('metric')),
    ...validateTarget(target, at.child('target')),
  ];
  if (target?.value === undefined && target?.averageValue === undefined) {
    const detail = 'must set either a target value or averageValue';
    errors.push(required(at.child('target', 'averageValue'), detail));
  }
  return errors;
}

function validateExternal(
  source: NonNullable<MetricSpec['external']>,
  at: FieldPath,
): FieldError[] {
  const { metric, target } = source;
  const errors = [
    ...validateIdentifier(metric, at.child('metric')),
    ...validateTarget(target, at.child('target')),
  ];
  const either = 'a target value for metric';
  if (target?.value === undefined && target?.averageValue === undefined) {
    const detail = `must set either ${either} or a per-pod target`;
    errors.push(required(at.child('target', 'averageValue'), detail));
  } else if (target.value !== undefined && target.averageValue !== undefined) {
    const detail = `may not set both ${either} and a per-pod target`;
    errors.push(forbiddenField(at.child('target', 'value'), detail));
  }
  return errors;
}

function validatePods(
  { metric, target }: NonNullable<MetricSpec['pods']>,
  at: FieldPath,
): FieldError[] {
  const detail = 'must specify a positive target averageValue';
  return [
    ...validateIdentifier(metric, at.child('metric')),
    ...validateTarget(target, at.child('target')),
    ...(target?.averageValue === undefined
      ? [required(at.child('target', 'averageValue'), detail)]
      : []),
  ];
}

/** A share of requests or a number of units: one of them. */
function validateResourceTarget(target: MetricTarget | undefined, at: FieldPath): FieldError[] {
  const errors = validateTarget(target, at);
  const { averageUtilization, averageValue } = target ?? {};
  const both = 'a target raw value';
  if (averageUtilization === undefined && averageValue === undefined) {
    const detail = `must set either ${both} or a target utilization`;
    errors.push(required(at.child('averageUtilization'), detail));
  }
  if (averageUtilization !== undefined && averageValue !== undefined) {
    const detail = `may not set both ${both} and a target utilization`;
    errors.push(forbiddenField(at.child('averageValue'), detail));
  }
  return errors;
}

function validateResource(
  source: NonNullable<MetricSpec['resource']>,
  at: FieldPath,
): FieldError[] {
  return [
    ...(source.name ? [] : [required(at.child('name'), 'must specify a resource name')]),
    ...validateResourceTarget(source.target, at.child('target')),
  ];
}

function validateContainerResource(
  { name, container, target }: NonNullable<MetricSpec['containerResource']>,
  at: FieldPath,
): FieldError[] {
  return [
    ...(name
      ? validateContainerResourceName(name, at.child('name'))
      : [required(at.child('name'), 'must specify a resource name')]),
    ...(container
      ? label(container, at.child('container'))
      : [required(at.child('container'), 'must specify a container')]),
    ...validateResourceTarget(target, at.child('target')),
  ];
}

/** Upstream looks into the first source only. */
function validateFirstSource(metric: MetricSpec, at: FieldPath): FieldError[] {
  const { object, external, pods, resource, containerResource } = metric;
  if (object !== undefined) return validateObject(object, at.child('object'));
  if (external !== undefined) return validateExternal(external, at.child('external'));
  if (pods !== undefined) return validatePods(pods, at.child('pods'));
  if (resource !== undefined) return validateResource(resource, at.child('resource'));
  if (containerResource === undefined) return [];
  return validateContainerResource(containerResource, at.child('containerResource'));
}

const isType = (type: string): type is keyof typeof FIELDS => Object.hasOwn(FIELDS, type);

export function validateMetric(metric: MetricSpec, at: FieldPath): FieldError[] {
  const type = metric.type ?? '';
  const errors: FieldError[] = [];
  if (type === '') errors.push(required(at.child('type'), 'must specify a metric source type'));
  // Upstream reports an unknown type before and after the sources.
  const unknown = isType(type) ? [] : [notSupported(at.child('type'), type, TYPES)];
  errors.push(...unknown, ...validateFirstSource(metric, at), ...unknown);
  const expected = isType(type) ? FIELDS[type] : undefined;
  if (expected !== undefined && metric[expected] === undefined) {
    const detail = 'must populate information for the given metric source';
    errors.push(required(at.child(expected), detail));
  }
  const present = Object.values(FIELDS).filter((field) => metric[field] !== undefined);
  if (present.length === 1) return errors;
  const others = present.filter((field) => field !== expected);
  const detail = 'must populate the given metric source only';
  return [...errors, ...others.map((field) => forbiddenField(at.child(field), detail))];
}
