/**
 * Differences that shall stay, each with its reason: random by nature, a bug of upstream's with its
 * number, a documented extension of ours. What is not built is never in this list.
 */
import type { Difference } from './compare.ts';

interface Explanation {
  readonly why: string;
  covers(difference: Difference): boolean;
}

const EXPLANATIONS: readonly Explanation[] = [];

/** Why `difference` shall stay; undefined when it is a fault of ours. */
export function explanationOf(difference: Difference): string | undefined {
  return EXPLANATIONS.find((explanation) => explanation.covers(difference))?.why;
}
