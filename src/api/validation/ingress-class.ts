/** Ingress classes. Upstream: pkg/apis/networking/validation/validation.go. */
import type { IngressClass, IngressClassParametersReference } from '#api/gen/networking-v1.ts';
import {
  type FieldError,
  type FieldPath,
  fieldPath,
  forbiddenField,
  required,
  tooLong,
} from '../meta/field.ts';
import { label, pointerOneOf, segment, subdomain, validateDomainPath } from './common.ts';
import { immutable } from './metadata.ts';

const SPEC = fieldPath('spec');
const CONTROLLER_MAX = 250;

function validateParameters(
  { apiGroup, kind, name, scope, namespace }: IngressClassParametersReference,
  at: FieldPath,
): FieldError[] {
  const errors = [
    ...(apiGroup === undefined ? [] : subdomain(apiGroup, at.child('apiGroup'))),
    ...segment(kind, at.child('kind')),
    ...segment(name, at.child('name')),
    ...pointerOneOf(scope, ['Cluster', 'Namespace'], at.child('scope')),
  ];
  const where = at.child('namespace');
  if (scope === 'Namespace') {
    const detail = "`parameters.scope` is set to 'Namespace'";
    errors.push(...(namespace === undefined ? [required(where, detail)] : label(namespace, where)));
  } else if (scope === 'Cluster' && namespace !== undefined) {
    errors.push(forbiddenField(where, "`parameters.scope` is set to 'Cluster'"));
  }
  return errors;
}

export function validateIngressClass({ spec }: IngressClass): FieldError[] {
  const { controller = '', parameters } = spec ?? {};
  const at = SPEC.child('controller');
  return [
    ...(controller.length > CONTROLLER_MAX ? [tooLong(at, CONTROLLER_MAX)] : []),
    ...validateDomainPath(controller, at),
    ...(parameters === undefined ? [] : validateParameters(parameters, SPEC.child('parameters'))),
  ];
}

export function validateIngressClassUpdate(next: IngressClass, old: IngressClass): FieldError[] {
  return immutable(next.spec?.controller, old.spec?.controller, SPEC.child('controller'), 'text');
}
