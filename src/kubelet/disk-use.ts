/** How much disk files and directories take, as du(1) counts it: blocks, not lengths. */
import type { Processes } from '#base/doors.ts';

const RUN_TIMEOUT_MS = 60_000;
/** Whole trees on one file system; paths come in, and go out, with a NUL at the end. */
const ARGUMENTS = ['-0', '-s', '-x', '--files0-from=-'];

export interface DiskUse {
  readonly bytes: number;
  readonly inodes: number;
}

/** By path; one that is not there is not in the answer. Rejects when du(1) cannot be run. */
export async function diskUse(
  processes: Processes,
  paths: readonly string[],
): Promise<Map<string, DiskUse>> {
  if (paths.length === 0) return new Map();
  const [bytes, inodes] = await Promise.all([
    run(processes, ['-B1'], paths),
    run(processes, ['--inodes'], paths),
  ]);
  return new Map(
    [...bytes].map(([path, size]) => [path, { bytes: size, inodes: inodes.get(path) ?? 0 }]),
  );
}

async function run(
  processes: Processes,
  what: readonly string[],
  paths: readonly string[],
): Promise<Map<string, number>> {
  // The exit code tells of paths that have gone meanwhile; the others are counted.
  const { stdout } = await processes.run('du', [...what, ...ARGUMENTS], {
    input: paths.map((path) => `${path}\0`).join(''),
    timeoutMs: RUN_TIMEOUT_MS,
  });
  return countsOf(Buffer.from(stdout).toString());
}

/** Of what du(1) prints: a number, a tab and a path, with a NUL at the end. */
function countsOf(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const entry of text.split('\0')) {
    const tab = entry.indexOf('\t');
    if (tab > 0) counts.set(entry.slice(tab + 1), Number(entry.slice(0, tab)));
  }
  return counts;
}
