/** Questions about permissions. Upstream: pkg/apis/authorization/validation/validation.go. */
import type {
  FieldSelectorAttributes,
  LabelSelectorAttributes,
  LocalSubjectAccessReview,
  ResourceAttributes,
  SelfSubjectAccessReview,
  SelfSubjectAccessReviewSpec,
  SubjectAccessReview,
} from '#api/gen/authorization-v1.ts';
import {
  type FieldError,
  type FieldPath,
  fieldPath,
  forbiddenField,
  invalidValue,
  required,
} from '../meta/field.ts';
import { isLabelValue, isQualifiedName } from '../meta/names.ts';
import type { KubeObject } from '../meta/object.ts';
import { invalidAll } from './metadata.ts';
import { goForm } from '../schema/go-form.ts';

const SPEC = fieldPath('spec');

interface Requirement {
  readonly key?: string;
  readonly operator?: string;
  readonly values?: readonly string[];
}

function validateValues({ operator, values = [] }: Requirement, at: FieldPath): FieldError[] {
  if ((operator === 'In' || operator === 'NotIn') && values.length === 0) {
    return [required(at, "must be specified when `operator` is 'In' or 'NotIn'")];
  }
  if ((operator === 'Exists' || operator === 'DoesNotExist') && values.length > 0) {
    return [
      forbiddenField(at, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"),
    ];
  }
  return [];
}

function validateFieldRequirement(requirement: Requirement, at: FieldPath): FieldError[] {
  return [
    ...(requirement.key ? [] : [required(at.child('key'), 'must be specified')]),
    ...validateValues(requirement, at.child('values')),
  ];
}

function validateLabelRequirement(requirement: Requirement, at: FieldPath): FieldError[] {
  const { key = '', values = [] } = requirement;
  const list = at.child('values');
  return [
    ...validateValues(requirement, list),
    ...invalidAll(at.child('key'), key, isQualifiedName(key)),
    ...values.flatMap((value, i) => invalidAll(list.index(i), value, isLabelValue(value))),
  ];
}

function validateSelector(
  selector: FieldSelectorAttributes | LabelSelectorAttributes | undefined,
  at: FieldPath,
  rule: (requirement: Requirement, at: FieldPath) => FieldError[],
): FieldError[] {
  if (selector === undefined) return [];
  const { rawSelector = '', requirements = [] } = selector;
  const list = at.child('requirements');
  const errors: FieldError[] = [];
  if (rawSelector !== '' && requirements.length > 0) {
    const detail = 'may not specified at the same time as requirements';
    errors.push(invalidValue(at.child('rawSelector'), rawSelector, detail));
  }
  if (rawSelector === '' && requirements.length === 0) {
    const detail = `when ${at.toString()} is specified, requirements or rawSelector is required`;
    errors.push(required(list, detail));
  }
  for (const [i, requirement] of requirements.entries()) {
    errors.push(...rule(requirement, list.index(i)));
  }
  return errors;
}

function validateAttributes(attributes: ResourceAttributes | undefined): FieldError[] {
  const at = fieldPath('spec.resourceAttributes');
  return [
    ...validateSelector(
      attributes?.fieldSelector,
      at.child('fieldSelector'),
      validateFieldRequirement,
    ),
    ...validateSelector(
      attributes?.labelSelector,
      at.child('labelSelector'),
      validateLabelRequirement,
    ),
  ];
}

function validateTarget(spec: SelfSubjectAccessReviewSpec): FieldError[] {
  const { resourceAttributes, nonResourceAttributes } = spec;
  if (resourceAttributes !== undefined && nonResourceAttributes !== undefined) {
    const detail = 'cannot be specified in combination with resourceAttributes';
    return [
      invalidValue(
        SPEC.child('nonResourceAttributes'),
        goForm('io.k8s.api.authorization.v1.NonResourceAttributes', nonResourceAttributes),
        detail,
      ),
    ];
  }
  if (resourceAttributes !== undefined || nonResourceAttributes !== undefined) return [];
  const detail = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
  return [invalidValue(SPEC.child('resourceAttributes'), null, detail)];
}

function validateSubject(spec: NonNullable<SubjectAccessReview['spec']>): FieldError[] {
  const { user = '', groups = [] } = spec;
  if (user !== '' || groups.length > 0) return [];
  return [
    invalidValue(SPEC.child('user'), user, 'at least one of user or group must be specified'),
  ];
}

const OBJECT_META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';

/** A question has no metadata but what the server adds, and for local ones a namespace. */
function validateMetadata(
  { metadata = {} }: KubeObject,
  detail: string,
  local = false,
): FieldError[] {
  const rest = Object.entries(metadata).filter(
    ([field, value]) =>
      field !== 'managedFields' &&
      !(local && field === 'namespace') &&
      value !== '' &&
      value !== null,
  );
  return rest.length === 0
    ? []
    : [invalidValue(fieldPath('metadata'), goForm(OBJECT_META, metadata), detail)];
}

export function validateSubjectAccessReview(review: SubjectAccessReview): FieldError[] {
  const { spec = {} } = review;
  return [
    ...validateTarget(spec),
    ...validateSubject(spec),
    ...validateAttributes(spec.resourceAttributes),
    ...validateMetadata(review, 'must be empty'),
  ];
}

export function validateSelfSubjectAccessReview(review: SelfSubjectAccessReview): FieldError[] {
  const { spec = {} } = review;
  return [
    ...validateTarget(spec),
    ...validateAttributes(spec.resourceAttributes),
    ...validateMetadata(review, 'must be empty'),
  ];
}

export function validateLocalSubjectAccessReview(review: LocalSubjectAccessReview): FieldError[] {
  const { spec = {}, metadata } = review;
  const errors = [
    ...validateTarget(spec),
    ...validateSubject(spec),
    ...validateAttributes(spec.resourceAttributes),
    ...validateMetadata(review, 'must be empty except for namespace', true),
  ];
  const namespace = spec.resourceAttributes?.namespace ?? '';
  if (spec.resourceAttributes !== undefined && namespace !== (metadata?.namespace ?? '')) {
    const at = 'spec.resourceAttributes.namespace';
    errors.push(invalidValue(at, namespace, 'must match metadata.namespace'));
  }
  if (spec.nonResourceAttributes !== undefined) {
    const detail = 'disallowed on this kind of request';
    errors.push(
      invalidValue(
        'spec.nonResourceAttributes',
        goForm('io.k8s.api.authorization.v1.NonResourceAttributes', spec.nonResourceAttributes),
        detail,
      ),
    );
  }
  return errors;
}
