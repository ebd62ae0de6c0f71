/** Resources of a pod as a whole beside those of its containers (KEP-2837). */
import type { PodSpec } from '#api/gen/core-v1.ts';
import { compareQuantity } from '../codec/quantity.ts';
import { aggregateContainerLimits, aggregateContainerRequests } from '../core/resources.ts';
import { type FieldError, type FieldPath, forbiddenField, invalidValue } from '../meta/field.ts';
import { isHugePages } from './resource-names.ts';
import { validatePodLevelRequirements } from './resource-requirements.ts';

function compareWithContainers(spec: PodSpec, at: FieldPath): FieldError[] {
  const { requests = {}, limits = {} } = spec.resources ?? {};
  const errors: FieldError[] = [];
  for (const [name, sum] of Object.entries(aggregateContainerRequests({ spec }))) {
    const own = requests[name];
    if (own === undefined || compareQuantity(sum, own) <= 0) continue;
    const detail = `must be greater than or equal to aggregate container requests of ${sum}`;
    errors.push(invalidValue(at.child('requests').key(name), own, detail));
  }
  for (const [name, sum] of Object.entries(aggregateContainerLimits({ spec }))) {
    const own = limits[name];
    if (!isHugePages(name) || own === undefined || compareQuantity(sum, own) <= 0) continue;
    const detail = `must be greater than or equal to aggregate container limits of ${sum}`;
    errors.push(invalidValue(at.child('limits').key(name), own, detail));
  }
  for (const [i, { resources }] of (spec.containers ?? []).entries()) {
    for (const [name, limit] of Object.entries(resources?.limits ?? {})) {
      const own = limits[name];
      if (own === undefined || compareQuantity(limit, own) <= 0) continue;
      const where = at.child('containers').index(i).key(name).child('limits');
      errors.push(invalidValue(where, limit, `must be less than or equal to pod limits of ${own}`));
    }
  }
  return errors;
}

export function validatePodResources(spec: PodSpec, at: FieldPath): FieldError[] {
  if (spec.resources === undefined) return [];
  const where = at.child('resources');
  if (spec.os?.name === 'windows')
    return [forbiddenField(where, 'may not be set for a windows pod')];
  return [
    ...validatePodLevelRequirements(
      spec.resources,
      (spec.resourceClaims ?? []).map(({ name }) => name),
      where,
    ),
    ...compareWithContainers(spec, where),
  ];
}
