/** Priority classes. Upstream: pkg/apis/scheduling/validation/validation.go. */
import type { PriorityClass } from '#api/gen/scheduling-v1.ts';
import { type FieldError, fieldPath, forbiddenField } from '../meta/field.ts';
import { oneOf } from './common.ts';
import { immutable } from './metadata.ts';

const SYSTEM_PREFIX = 'system-';
const HIGHEST_USER_PRIORITY = 1_000_000_000;
const SYSTEM_CLASSES: ReadonlyMap<string, number> = new Map([
  ['system-node-critical', 2 * HIGHEST_USER_PRIORITY + 1000],
  ['system-cluster-critical', 2 * HIGHEST_USER_PRIORITY],
]);

/** What is wrong with a class that has a name of the system's; undefined when it is one of them. */
function systemError({ metadata, value, globalDefault }: PriorityClass): string | undefined {
  const name = metadata?.name ?? '';
  const known = SYSTEM_CLASSES.get(name);
  if (known === undefined) return `${name} is not a known system priority class`;
  if (value !== known) return `value of ${name} PriorityClass must be ${known}`;
  if (globalDefault === true) return `globalDefault of ${name} PriorityClass must be false`;
  return undefined;
}

function validateValue(object: PriorityClass): FieldError[] {
  if (!(object.metadata?.name ?? '').startsWith(SYSTEM_PREFIX)) {
    if ((object.value ?? 0) <= HIGHEST_USER_PRIORITY) return [];
    const detail = `maximum allowed value of a user defined priority is ${HIGHEST_USER_PRIORITY}`;
    return [forbiddenField('value', detail)];
  }
  const error = systemError(object);
  if (error === undefined) return [];
  const detail = `priority class names with '${SYSTEM_PREFIX}' prefix are reserved for system use only. error: ${error}`;
  return [forbiddenField('metadata.name', detail)];
}

export function validatePriorityClass(object: PriorityClass): FieldError[] {
  const at = fieldPath('preemptionPolicy');
  const policy = object.preemptionPolicy;
  const policies = ['PreemptLowerPriority', 'Never'];
  return [...validateValue(object), ...(policy === undefined ? [] : oneOf(policy, policies, at))];
}

export function validatePriorityClassUpdate(next: PriorityClass, old: PriorityClass): FieldError[] {
  const policy = fieldPath('preemptionPolicy');
  return [
    ...((next.value ?? 0) === (old.value ?? 0)
      ? []
      : [forbiddenField('value', 'may not be changed in an update.')]),
    ...immutable(next.preemptionPolicy, old.preemptionPolicy, policy),
  ];
}
