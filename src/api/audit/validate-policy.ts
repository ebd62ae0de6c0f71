/**
 * What an audit policy may say.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/apis/audit/validation/validation.go; the
 * messages are its.
 */
import {
  type FieldError,
  type FieldPath,
  fieldPath,
  invalidValue,
  notSupported,
  required,
} from '../meta/field.ts';
import { nameIsDnsSubdomain } from '../meta/names.ts';
import { type GroupResources, LEVELS, type Policy, type PolicyRule, STAGES } from './policy.ts';

export function validatePolicy({ omitStages = [], rules }: Policy): FieldError[] {
  const at = fieldPath('rules');
  return [
    ...stages(omitStages, fieldPath('omitStages')),
    ...rules.flatMap((rule, i) => validateRule(rule, at.index(i))),
  ];
}

function validateRule(rule: PolicyRule, at: FieldPath): FieldError[] {
  const { nonResourceURLs: urls = [], resources = [], namespaces = [] } = rule;
  const isOfBoth = urls.length > 0 && (resources.length > 0 || namespaces.length > 0);
  return [
    ...level(rule.level ?? '', at.child('level')),
    ...urls.flatMap((url, i) => path(url, at.child('nonResourceURLs').index(i))),
    ...resources.flatMap((one) => groupResources(one, at.child('resources'))),
    ...stages(rule.omitStages ?? [], at.child('omitStages')),
    ...(isOfBoth
      ? [
          invalidValue(
            at.child('nonResourceURLs'),
            urls,
            'rules cannot apply to both regular resources and non-resource URLs',
          ),
        ]
      : []),
  ];
}

function level(value: string, at: FieldPath): FieldError[] {
  const known: readonly string[] = LEVELS;
  if (known.includes(value)) return [];
  return [value === '' ? required(at) : notSupported(at, value, LEVELS)];
}

function path(url: string, at: FieldPath): FieldError[] {
  if (url === '*') return [];
  return [
    ...(url.startsWith('/')
      ? []
      : [invalidValue(at, url, "non-resource URL rules must begin with a '/' character")]),
    ...(url.slice(0, -1).includes('*')
      ? [
          invalidValue(
            at,
            url,
            "non-resource URL wildcards '*' must be the final character of the rule",
          ),
        ]
      : []),
  ];
}

function groupResources(
  { group = '', resources = [], resourceNames = [] }: GroupResources,
  at: FieldPath,
): FieldError[] {
  const problems = group === '' || group === '*' ? [] : nameIsDnsSubdomain(group, false);
  return [
    ...(problems.length === 0 ? [] : [invalidValue(at.child('group'), group, problems.join(','))]),
    ...(resourceNames.length > 0 && resources.length === 0
      ? [
          invalidValue(
            at.child('resourceNames'),
            resourceNames,
            'using resourceNames requires at least one resource',
          ),
        ]
      : []),
  ];
}

function stages(values: readonly string[], at: FieldPath): FieldError[] {
  const known: readonly string[] = STAGES;
  return values.flatMap((value, i) =>
    known.includes(value)
      ? []
      : [invalidValue(at.index(i), value, `allowed stages are ${STAGES.join(',')}`)],
  );
}
