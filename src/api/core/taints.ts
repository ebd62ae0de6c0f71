/**
 * Taints of nodes and tolerations of pods.
 *
 * Source: upstream staging/src/k8s.io/api/core/v1/toleration.go. The operators Lt and Gt are off
 * by default (gate TaintTolerationComparisonOperators): a toleration with one tolerates nothing.
 */
import type { Taint, Toleration } from '#api/gen/core-v1.ts';

/** Whether `toleration` tolerates `taint`. An empty key with Exists tolerates all. */
export function tolerates(
  toleration: Toleration,
  taint: Pick<Taint, 'key' | 'value' | 'effect'>,
): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (toleration.key && toleration.key !== taint.key) return false;
  const operator = toleration.operator || 'Equal';
  if (operator === 'Equal') return (toleration.value ?? '') === (taint.value ?? '');
  return operator === 'Exists';
}

export function isTolerated(tolerations: readonly Toleration[] | undefined, taint: Taint): boolean {
  return tolerations?.some((toleration) => tolerates(toleration, taint)) === true;
}

/** The first taint with one of `effects` that no toleration covers. */
export function firstUntolerated(
  taints: readonly Taint[] | undefined,
  tolerations: readonly Toleration[] | undefined,
  effects: readonly string[],
): Taint | undefined {
  return taints?.find(
    (taint) => effects.includes(taint.effect) && !isTolerated(tolerations, taint),
  );
}

/** Two taints are the same when key and effect are: the value may differ. */
export function sameTaint(
  left: Pick<Taint, 'key' | 'effect'>,
  right: Pick<Taint, 'key' | 'effect'>,
): boolean {
  return left.key === right.key && left.effect === right.effect;
}
