/**
 * What the expressions of webhooks and policies have in common once they are stored.
 *
 * Upstream: v1.36 admission/plugin/cel/compile.go and activation.go for the messages.
 */
import type { CelFailure } from '#cel/kubernetes.ts';

/** What is stored may use everything that there is. */
export const STORED_MINOR = 36;

export const OUT_OF_BUDGET =
  'validation failed due to running out of cost budget, no further validation rules will be run';

/** Why an expression did not compile. */
export function failureText({ kind, message }: CelFailure): string {
  if (kind === 'compilation') return `compilation failed: ${message}`;
  return kind === 'instantiation' ? `program instantiation failed: ${message}` : message;
}
