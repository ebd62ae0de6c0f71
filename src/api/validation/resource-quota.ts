/** ResourceQuotas. Upstream: pkg/apis/core/validation/validation.go (ValidateResourceQuota…). */
import type { ResourceQuota, ResourceQuotaSpec } from '#api/gen/core-v1.ts';
import { equalValues } from '../meta/equal.ts';
import {
  type FieldError,
  type FieldPath,
  fieldPath,
  invalidValue,
  required,
} from '../meta/field.ts';
import { IMMUTABLE } from './metadata.ts';
import {
  isStandardQuotaResource,
  validateResourceName,
  validateResourceQuantity,
} from './resource-names.ts';
import { goForm } from '../schema/go-form.ts';
import { markSent, wasSentEmpty } from '../meta/json.ts';

const SPEC = fieldPath('spec');
const STATUS = fieldPath('status');
const POD_COMPUTE = [
  'cpu',
  'memory',
  'limits.cpu',
  'limits.memory',
  'requests.cpu',
  'requests.memory',
];
const POD = ['pods', ...POD_COMPUTE];
const CLAIM = ['persistentvolumeclaims', 'requests.storage'];

/** The scopes, and the resources that each can be applied to. */
const SCOPES: ReadonlyMap<string, readonly string[]> = new Map([
  ['Terminating', POD],
  ['NotTerminating', POD],
  ['BestEffort', ['pods']],
  ['NotBestEffort', POD],
  ['PriorityClass', POD],
  ['CrossNamespacePodAffinity', POD],
  ['VolumeAttributesClass', CLAIM],
]);
const EXISTS_ONLY = [
  'Terminating',
  'NotTerminating',
  'BestEffort',
  'NotBestEffort',
  'CrossNamespacePodAffinity',
];
const CONFLICTS = [
  ['BestEffort', 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
];

function validateList(
  list: Readonly<Record<string, string>> | undefined,
  at: FieldPath,
): FieldError[] {
  return Object.entries(list ?? {}).flatMap(([name, value]) => {
    const here = at.key(name);
    const errors = validateResourceName(name, here);
    if (!name.includes('/') && !isStandardQuotaResource(name)) {
      errors.push(invalidValue(here, name, 'must be a standard resource for quota'));
    }
    return [...errors, ...validateResourceQuantity(name, value, here)];
  });
}

function unsuited(scope: string, hard: ResourceQuotaSpec['hard']): string[] {
  const suited = SCOPES.get(scope);
  return Object.keys(hard ?? {}).filter(
    (name) => suited !== undefined && isStandardQuotaResource(name) && !suited.includes(name),
  );
}

function validateConflicts(scopes: readonly string[], value: unknown, at: FieldPath): FieldError[] {
  return CONFLICTS.filter((pair) => pair.every((scope) => scopes.includes(scope))).map(() =>
    invalidValue(at, value, 'conflicting scopes'),
  );
}

function validateScopes({ scopes = [], hard }: ResourceQuotaSpec): FieldError[] {
  const at = SPEC.child('scopes');
  const errors: FieldError[] = [];
  for (const scope of scopes) {
    if (!SCOPES.has(scope)) errors.push(invalidValue(at, scopes, 'unsupported scope'));
    errors.push(
      ...unsuited(scope, hard).map(() =>
        invalidValue(at, scopes, 'unsupported scope applied to resource'),
      ),
    );
  }
  return [...errors, ...validateConflicts(scopes, scopes, at)];
}

function validateScopeSelector({ scopeSelector, hard, scopes }: ResourceQuotaSpec): FieldError[] {
  const at = SPEC.child('scopeSelector', 'matchExpressions');
  const errors: FieldError[] = [];
  const requirements = scopeSelector?.matchExpressions ?? [];
  for (const { scopeName = '', operator = '', values = [] } of requirements) {
    if (!SCOPES.has(scopeName))
      errors.push(invalidValue(at.child('scopeName'), scopeName, 'unsupported scope'));
    errors.push(
      ...unsuited(scopeName, hard).map(() =>
        invalidValue(
          at,
          goForm('io.k8s.api.core.v1.ScopeSelector', scopeSelector),
          'unsupported scope applied to resource',
        ),
      ),
    );
    if (EXISTS_ONLY.includes(scopeName) && operator !== 'Exists') {
      const detail =
        "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";
      errors.push(invalidValue(at.child('operator'), operator, detail));
    }
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length === 0) {
        const detail =
          "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
        errors.push(required(at.child('values'), detail));
      }
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length > 0) {
        const detail =
          "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
        errors.push(invalidValue(at.child('values'), values, detail));
      }
    } else
      errors.push(invalidValue(at.child('operator'), operator, 'not a valid selector operator'));
  }
  return [
    ...errors,
    ...validateConflicts(
      requirements.map(({ scopeName }) => scopeName),
      scopes ?? null,
      at,
    ),
  ];
}

export function validateResourceQuota(quota: ResourceQuota): FieldError[] {
  const spec = quota.spec ?? {};
  return [
    ...validateList(spec.hard, SPEC.child('hard')),
    ...validateScopes(spec),
    ...validateScopeSelector(spec),
  ];
}

export function validateResourceQuotaUpdate(next: ResourceQuota, old: ResourceQuota): FieldError[] {
  const scopes = ({ spec }: ResourceQuota): string[] =>
    [...new Set<string>(spec?.scopes ?? [])].toSorted();
  if (equalValues(scopes(next), scopes(old))) return [];
  return [
    invalidValue(
      SPEC.child('scopes'),
      next.spec?.scopes ?? (wasSentEmpty(next.spec, 'scopes') ? markSent([]) : null),
      IMMUTABLE,
    ),
  ];
}

export function validateResourceQuotaStatus({ status }: ResourceQuota): FieldError[] {
  return [
    ...validateList(status?.hard, STATUS.child('hard')),
    ...validateList(status?.used, STATUS.child('used')),
  ];
}
