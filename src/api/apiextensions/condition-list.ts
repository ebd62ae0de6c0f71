/**
 * The conditions of a definition, as data.
 *
 * Source: upstream v1.36 apiextensions-apiserver/pkg/apihelpers/helpers.go.
 */
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
} from '#api/gen/apiextensions-v1.ts';

export type Condition = CustomResourceDefinitionCondition;
type Conditions = readonly Condition[];

export function findCondition(conditions: Conditions, type: string): Condition | undefined {
  return conditions.find((condition) => condition.type === type);
}

export function isConditionTrue(
  definition: Pick<CustomResourceDefinition, 'status'>,
  type: string,
): boolean {
  return findCondition(definition.status?.conditions ?? [], type)?.status === 'True';
}

/** Whether the two say the same, times left aside. */
export function sameCondition(left: Condition | undefined, right: Condition | undefined): boolean {
  if (left === undefined || right === undefined) return left === right;
  return (
    left.type === right.type &&
    left.status === right.status &&
    left.reason === right.reason &&
    left.message === right.message
  );
}

/** The list with `condition` in it; `now` (RFC 3339) is its transition time when its status is new. */
export function withCondition(
  conditions: Conditions,
  condition: Condition,
  now: string,
): Condition[] {
  const old = findCondition(conditions, condition.type);
  if (old === undefined) return [...conditions, { ...condition, lastTransitionTime: now }];
  const keepsTime = old.status === condition.status && old.lastTransitionTime;
  const lastTransitionTime = keepsTime ? old.lastTransitionTime : now;
  const { type, status, reason, message } = condition;
  const next: Condition = { ...old, type, status, lastTransitionTime: lastTransitionTime ?? now };
  if (reason !== undefined) next.reason = reason;
  if (message !== undefined) next.message = message;
  return conditions.map((each) => (each === old ? next : each));
}

export function withoutCondition(conditions: Conditions, type: string): Condition[] {
  return conditions.filter((condition) => condition.type !== type);
}
