/**
 * What admission policies and their bindings match: resources, parameters.
 *
 * Source: upstream pkg/apis/admissionregistration/validation/validation.go.
 */
import type {
  MatchResources,
  NamedRuleWithOperations,
  ParamKind,
  ParamRef,
} from '#api/gen/admissionregistration-v1.ts';
import {
  duplicate,
  type FieldError,
  type FieldPath,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
} from '../meta/field.ts';
import { isDns1035Label, isDns1123Subdomain, isPathSegmentName } from '../meta/names.ts';
import { optionalOneOf, subdomain } from './common.ts';
import { invalidAll, validateLabelSelector } from './metadata.ts';
import { validateRuleWithOperations } from './webhook.ts';

const MUTATING_OPERATIONS = ['*', 'CONNECT', 'CREATE', 'UPDATE'];
const EXCLUSIVE = 'name and selector are mutually exclusive';

export function validateParamKind(kind: Partial<ParamKind>, at: FieldPath): FieldError[] {
  const { apiVersion = '', kind: name = '' } = kind;
  const errors = validateApiVersion(apiVersion, at.child('apiVersion'));
  const here = at.child('kind');
  if (name === '') return [...errors, required(here)];
  const messages = isDns1035Label(name.toLowerCase());
  if (messages.length === 0) return errors;
  const detail = `may have mixed case, but should otherwise match: ${messages.join(',')}`;
  return [...errors, invalidValue(here, name, detail)];
}

function validateApiVersion(apiVersion: string, at: FieldPath): FieldError[] {
  if (apiVersion === '') return [required(at)];
  const parts = apiVersion === '/' ? ['', ''] : apiVersion.split('/');
  if (parts.length > 2)
    return [invalidValue(at, apiVersion, `unexpected GroupVersion string: ${apiVersion}`)];
  const version = parts.at(-1) ?? '';
  const group = parts.length === 2 ? (parts[0] ?? '') : '';
  const errors: FieldError[] = [];
  const wrong = group === '' ? [] : isDns1123Subdomain(group);
  if (wrong.length > 0) errors.push(invalidValue(at, group, wrong.join(',')));
  if (version === '') return [...errors, invalidValue(at, apiVersion, 'version must be specified')];
  const messages = isDns1035Label(version);
  if (messages.length > 0) errors.push(invalidValue(at, version, messages.join(',')));
  return errors;
}

export function validateMatchResources(
  match: MatchResources | undefined,
  at: FieldPath,
): FieldError[] {
  if (match === undefined) return [];
  const policyAt = at.child('matchPolicy');
  return [
    ...(match.matchPolicy === undefined
      ? [required(policyAt)]
      : optionalOneOf(match.matchPolicy, ['Equivalent', 'Exact'], policyAt)),
    ...(['namespaceSelector', 'objectSelector'] as const).flatMap((field) =>
      match[field] === undefined
        ? [required(at.child(field))]
        : validateLabelSelector(match[field], at.child(field)),
    ),
    ...(['resourceRules', 'excludeResourceRules'] as const).flatMap((field) =>
      (match[field] ?? []).flatMap((rule, i) => validateNamedRule(rule, at.child(field).index(i))),
    ),
  ];
}

function validateNamedRule(rule: NamedRuleWithOperations, at: FieldPath): FieldError[] {
  const names = rule.resourceNames ?? [];
  const errors = names.flatMap((name, i) => {
    const here = at.child('resourceNames').index(i);
    return [
      ...invalidAll(here, name, isPathSegmentName(name)),
      ...(names.indexOf(name) < i ? [duplicate(here, name)] : []),
    ];
  });
  return [...errors, ...validateRuleWithOperations(rule, at)];
}

/** Nothing can be changed about what goes away. */
export function validateMutatingOperations(
  match: MatchResources | undefined,
  at: FieldPath,
): FieldError[] {
  const here = at.child('resourceRules', 'operations');
  return (match?.resourceRules ?? [])
    .flatMap(({ operations }) => operations ?? [])
    .filter((operation) => !MUTATING_OPERATIONS.includes(operation))
    .map((operation) => notSupported(here, operation, MUTATING_OPERATIONS));
}

export function validatePolicyName(name: string | undefined, at: FieldPath): FieldError[] {
  return name === undefined || name === '' ? [required(at)] : subdomain(name, at);
}

export function validateParamRef(ref: ParamRef | undefined, at: FieldPath): FieldError[] {
  if (ref === undefined) return [];
  const { name = '', selector, parameterNotFoundAction: action } = ref;
  const both = name !== '' && selector !== undefined;
  const errors: FieldError[] = [];
  if (name !== '') {
    errors.push(...invalidAll(at.child('name'), name, isPathSegmentName(name)));
    if (both) errors.push(forbiddenField(at.child('name'), EXCLUSIVE));
  }
  if (selector !== undefined) {
    errors.push(...validateLabelSelector(selector, at.child('selector')));
    if (both) errors.push(forbiddenField(at.child('selector'), EXCLUSIVE));
  }
  if (name === '' && selector === undefined)
    errors.push(required(at, 'one of name or selector must be specified'));
  const here = at.child('parameterNotFoundAction');
  if (action === undefined || action === '') return [...errors, required(here)];
  return [...errors, ...optionalOneOf(action, ['Deny', 'Allow'], here)];
}
