/** Roles and bindings. Upstream: pkg/apis/rbac/validation/validation.go. */
import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  RoleRef,
  Subject,
} from '#api/gen/rbac-v1.ts';
import { equalValues } from '../meta/equal.ts';
import {
  type FieldError,
  type FieldPath,
  fieldPath,
  invalidValue,
  notSupported,
  required,
} from '../meta/field.ts';
import { nameIsDnsSubdomain } from '../meta/names.ts';
import { present, segment } from './common.ts';
import { invalidAll, validateLabelSelector } from './metadata.ts';
import { goForm } from '../schema/go-form.ts';

const GROUP = 'rbac.authorization.k8s.io';

function validateRule(rule: PolicyRule, namespaced: boolean, at: FieldPath): FieldError[] {
  const { apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  const errors = present(rule.verbs, at.child('verbs'), 'verbs must contain at least one value');
  if (nonResourceURLs.length > 0) {
    const urls = at.child('nonResourceURLs');
    if (namespaced) {
      const detail = 'namespaced rules cannot apply to non-resource URLs';
      errors.push(invalidValue(urls, nonResourceURLs, detail));
    }
    if (apiGroups.length + resources.length + resourceNames.length > 0) {
      const detail = 'rules cannot apply to both regular resources and non-resource URLs';
      errors.push(invalidValue(urls, nonResourceURLs, detail));
    }
    return errors;
  }
  const group = 'resource rules must supply at least one api group';
  const resource = 'resource rules must supply at least one resource';
  return [
    ...errors,
    ...present(apiGroups, at.child('apiGroups'), group),
    ...present(resources, at.child('resources'), resource),
  ];
}

function validateRules(
  rules: readonly PolicyRule[] | undefined,
  namespaced: boolean,
): FieldError[] {
  const at = fieldPath('rules');
  return (rules ?? []).flatMap((rule, i) => validateRule(rule, namespaced, at.index(i)));
}

export const validateRole = ({ rules }: Role): FieldError[] => validateRules(rules, true);

export function validateClusterRole({ rules, aggregationRule }: ClusterRole): FieldError[] {
  const errors = validateRules(rules, false);
  if (aggregationRule === undefined) return errors;
  const at = fieldPath('aggregationRule').child('clusterRoleSelectors');
  const selectors = aggregationRule.clusterRoleSelectors ?? [];
  const detail = 'at least one clusterRoleSelector required if aggregationRule is non-nil';
  return [
    ...errors,
    ...present(selectors, at, detail),
    ...selectors.flatMap((selector, i) => {
      const here = at.index(i);
      const found = validateLabelSelector(selector, here);
      // Upstream tells it of the selector once more.
      return found.length === 0
        ? []
        : [...found, invalidValue(here, null, 'invalid label selector.')];
    }),
  ];
}

function validateRoleRef(reference: RoleRef | undefined, kinds: readonly string[]): FieldError[] {
  const at = fieldPath('roleRef');
  const { apiGroup = '', kind = '', name } = reference ?? {};
  const errors: FieldError[] = [];
  if (apiGroup !== GROUP) errors.push(notSupported(at.child('apiGroup'), apiGroup, [GROUP]));
  if (!kinds.includes(kind)) errors.push(notSupported(at.child('kind'), kind, kinds));
  return [...errors, ...segment(name, at.child('name'))];
}

function validateSubject(
  subject: Partial<Subject>,
  namespaced: boolean,
  at: FieldPath,
): FieldError[] {
  const { kind = '', apiGroup = '', name = '', namespace = '' } = subject;
  const errors = name === '' ? [required(at.child('name'))] : [];
  if (kind === 'ServiceAccount') {
    if (name !== '') {
      errors.push(...invalidAll(at.child('name'), name, nameIsDnsSubdomain(name, false)));
    }
    if (apiGroup !== '') errors.push(notSupported(at.child('apiGroup'), apiGroup, ['']));
    if (!namespaced && namespace === '') errors.push(required(at.child('namespace')));
  } else if (kind === 'User' || kind === 'Group') {
    if (apiGroup !== GROUP) errors.push(notSupported(at.child('apiGroup'), apiGroup, [GROUP]));
  } else {
    errors.push(notSupported(at.child('kind'), kind, ['ServiceAccount', 'User', 'Group']));
  }
  return errors;
}

function validateSubjects(
  subjects: readonly Subject[] | undefined,
  namespaced: boolean,
): FieldError[] {
  const at = fieldPath('subjects');
  return (subjects ?? []).flatMap((subject, i) =>
    validateSubject(subject, namespaced, at.index(i)),
  );
}

export function validateRoleBinding({ roleRef, subjects }: RoleBinding): FieldError[] {
  return [
    ...validateRoleRef(roleRef, ['Role', 'ClusterRole']),
    ...validateSubjects(subjects, true),
  ];
}

export function validateClusterRoleBinding({
  roleRef,
  subjects,
}: ClusterRoleBinding): FieldError[] {
  return [...validateRoleRef(roleRef, ['ClusterRole']), ...validateSubjects(subjects, false)];
}

/** What a binding gives stays: who may change it could otherwise hand out another role. */
export function validateBindingUpdate(
  next: RoleBinding | ClusterRoleBinding,
  old: RoleBinding | ClusterRoleBinding,
): FieldError[] {
  if (equalValues(next.roleRef, old.roleRef)) return [];
  return [
    invalidValue(
      fieldPath('roleRef'),
      goForm('io.k8s.api.rbac.v1.RoleRef', next.roleRef ?? {}),
      'cannot change roleRef',
    ),
  ];
}
