/**
 * Which worlds a count is of: those of the same sources are the same, whatever else has changed in the
 * project, so that counts of several days add up.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { bundleOf } from '../tidy/bundle.ts';

const DIGITS = 12;

/** Hexadecimal digits that change with any file that takes part in a world. Paths are from the root. */
export function digestOfSources(
  read = (path: string): string => readFileSync(path, 'utf8'),
): string {
  const { files } = bundleOf(['test/sim/simulation.ts'], { get: read });
  const hash = createHash('sha256');
  for (const path of [...files].toSorted()) hash.update(`${path}\n${read(path)}`);
  return hash.digest('hex').slice(0, DIGITS);
}
