/** What is odd about jobs, though valid. Upstream: pkg/api/job/warnings.go. */
import type { JobSpec } from '#api/gen/batch-v1.ts';
import { warnAboutTemplate } from './warnings.ts';

const COMPLETIONS_SAFE = 100_000;
const PARALLELISM_SAFE = 10_000;
const TOO_WIDE =
  'In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail';

/** `path`: where the spec is. */
export function warnAboutJobSpec(spec: JobSpec | undefined, path: string): string[] {
  const { completionMode, completions = 0, parallelism = 0, template } = spec ?? {};
  const isWide = completions > COMPLETIONS_SAFE && parallelism > PARALLELISM_SAFE;
  return [
    ...(completionMode === 'Indexed' && isWide ? [`${path}: ${TOO_WIDE}`] : []),
    ...warnAboutTemplate(template, `${path}.template`),
  ];
}
