/** Requests and limits of containers and pods. Upstream: pkg/apis/core/validation/validation.go. */
import type { ResourceRequirements } from '#api/gen/core-v1.ts';
import { compareQuantity } from '../codec/quantity.ts';
import { isPodLevelResource } from '../core/resources.ts';
import {
  duplicate,
  FieldError,
  type FieldPath,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
} from '../meta/field.ts';
import { wasSentEmpty } from '../meta/json.ts';
import { label } from './common.ts';
import {
  isHugePages,
  isOvercommitAllowed,
  validateContainerResourceName,
  validateHugePages,
  validateResourceName,
  validateResourceQuantity,
} from './resource-names.ts';

type NameRule = (name: string, at: FieldPath) => FieldError[];

function validateList(
  list: Readonly<Record<string, string>>,
  at: FieldPath,
  nameRule: NameRule,
): FieldError[] {
  return Object.entries(list).flatMap(([name, value]) => [
    ...nameRule(name, at.key(name)),
    ...validateResourceQuantity(name, value, at.key(name)),
    ...(isHugePages(name) ? validateHugePages(name, value, at.key(name)) : []),
  ]);
}

/** A request is at most the limit; where resources cannot be shared, it is the limit. */
function compareWithLimits(
  { requests = {}, limits = {} }: ResourceRequirements,
  at: FieldPath,
): FieldError[] {
  const errors: FieldError[] = [];
  for (const [name, request] of Object.entries(requests)) {
    const limit = limits[name];
    const exact = !isOvercommitAllowed(name);
    if (limit === undefined) {
      if (exact)
        errors.push(
          required(at.child('limits'), 'Limit must be set for non overcommitable resources'),
        );
      continue;
    }
    const order = compareQuantity(request, limit);
    if (exact && order !== 0) {
      errors.push(
        invalidValue(at.child('requests'), request, `must be equal to ${name} limit of ${limit}`),
      );
    } else if (order > 0) {
      errors.push(
        invalidValue(
          at.child('requests'),
          request,
          `must be less than or equal to ${name} limit of ${limit}`,
        ),
      );
    }
  }
  return errors;
}

function validateClaims(
  claims: ResourceRequirements['claims'],
  known: readonly string[],
  at: FieldPath,
): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, { name = '', request = '' }] of (claims ?? []).entries()) {
    const here = at.index(i);
    if (name === '') {
      errors.push(required(here));
      continue;
    }
    if (request !== '') errors.push(...label(request, here.child('request')));
    const key = request === '' ? name : `${name}/${request}`;
    const overlaps = request === '' && [...seen].some((other) => other.startsWith(`${name}/`));
    if (seen.has(name) || seen.has(key) || overlaps)
      errors.push(duplicate(here, seen.has(key) ? key : name));
    seen.add(key);
    if (known.includes(name)) continue;
    const names = known.length === 0 ? ' which is empty' : `: ${known.toSorted().join(', ')}`;
    const detail = `must be one of the names in pod.spec.resourceClaims${names}`;
    errors.push(new FieldError({ type: 'FieldValueNotFound', field: here, value: name, detail }));
  }
  return errors;
}

function validateRequirements(
  requirements: ResourceRequirements,
  at: FieldPath,
  { nameRule, claims }: { readonly nameRule: NameRule; readonly claims: readonly string[] },
): FieldError[] {
  const { requests = {}, limits = {} } = requirements;
  const errors = [
    ...validateList(limits, at.child('limits'), nameRule),
    ...validateList(requests, at.child('requests'), nameRule),
    ...compareWithLimits(requirements, at),
  ];
  const names = [...Object.keys(limits), ...Object.keys(requests)];
  if (names.some(isHugePages) && !names.includes('cpu') && !names.includes('memory')) {
    errors.push(forbiddenField(at, 'HugePages require cpu or memory'));
  }
  return [...errors, ...validateClaims(requirements.claims, claims, at.child('claims'))];
}

/** `claims`: the names of the pod's resource claims. */
export function validateContainerResources(
  requirements: ResourceRequirements | undefined,
  claims: readonly string[],
  at: FieldPath,
): FieldError[] {
  if (requirements === undefined) return [];
  return validateRequirements(requirements, at, {
    nameRule: validateContainerResourceName,
    claims,
  });
}

function podResourceName(name: string, at: FieldPath): FieldError[] {
  const errors = validateResourceName(name, at);
  if (errors.length > 0 || isPodLevelResource(name)) return errors;
  return [notSupported(at, name, ['cpu', 'hugepages-', 'memory'])];
}

/**
 * Requests and limits of the pod as a whole, without the comparison with its containers.
 * `claims`: the names of the pod's resource claims.
 */
export function validatePodLevelRequirements(
  requirements: ResourceRequirements,
  claims: readonly string[],
  at: FieldPath,
): FieldError[] {
  const errors =
    requirements.claims === undefined && !wasSentEmpty(requirements, 'claims')
      ? []
      : [forbiddenField(at.child('claims'), 'claims may not be set for Resources at pod-level')];
  return [
    ...errors,
    ...validateRequirements(requirements, at, { nameRule: podResourceName, claims }),
  ];
}
