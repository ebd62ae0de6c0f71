/**
 * Tolerations that hold others. Pure.
 *
 * Source: upstream pkg/util/tolerations/tolerations.go, v1.36.
 */
import type { Toleration } from '#api/gen/core-v1.ts';
import { equalValues } from '#api/meta/equal.ts';

/** Whether each is in one of `allowed`. */
export function areAllowed(given: readonly Toleration[], allowed: readonly Toleration[]): boolean {
  return given.every((toleration) => allowed.some((each) => holds(each, toleration)));
}

/** Both in order, without those that another of them holds; of equal ones the first stays. */
export function merged(first: readonly Toleration[], second: readonly Toleration[]): Toleration[] {
  const all = [...first, ...second];
  const kept: Toleration[] = [];
  for (const [i, toleration] of all.entries()) {
    const isIn = (other: Toleration): boolean => holds(other, toleration);
    const isInLater = (other: Toleration): boolean =>
      !equalValues(other, toleration) && isIn(other);
    if (!kept.some(isIn) && !all.slice(i + 1).some(isInLater)) kept.push(toleration);
  }
  return kept;
}

/** Whether `whole` tolerates all that `part` does. */
function holds(whole: Toleration, part: Toleration): boolean {
  if (equalValues(whole, part)) return true;
  const { key = '', operator = 'Equal', effect = '' } = whole;
  const isAnyKey = key === '' && operator === 'Exists';
  if ((part.key ?? '') !== key && !isAnyKey) return false;
  if (effect !== '' && part.effect !== effect) return false;
  if (effect === 'NoExecute' && !lastsAsLong(whole, part)) return false;
  if (operator === 'Exists') return true;
  return (
    operator === 'Equal' && part.operator === 'Equal' && (part.value ?? '') === (whole.value ?? '')
  );
}

function lastsAsLong(
  { tolerationSeconds: whole }: Toleration,
  { tolerationSeconds: part }: Toleration,
): boolean {
  return whole === undefined || (part !== undefined && part <= whole);
}
