/**
 * The success policy of an indexed Job (KEP-3998): when a part of the indexes is enough.
 *
 * Upstream: pkg/controller/job/success_policy.go, v1.36.
 */
import type { SuccessPolicy } from '#api/gen/batch-v1.ts';
import { type Intervals, overlap, readIntervals, total } from './intervals.ts';

/** The message of the first rule that is met; undefined: none is. */
export function metSuccessRule(
  policy: SuccessPolicy | undefined,
  completions: number,
  succeeded: Intervals,
): string | undefined {
  if (succeeded.length === 0) return undefined;
  for (const [i, { succeededIndexes, succeededCount }] of (policy?.rules ?? []).entries()) {
    const enough = (count: number): boolean =>
      succeededCount !== undefined && count >= succeededCount;
    if (succeededIndexes === undefined) {
      if (enough(total(succeeded))) return message(i);
      continue;
    }
    const wanted = readIntervals(succeededIndexes, completions);
    if (wanted.length === 0) continue;
    const common = overlap(wanted, succeeded);
    if (common === total(wanted) || enough(common)) return message(i);
  }
  return undefined;
}

const message = (rule: number): string => `Matched rules at index ${rule}`;
