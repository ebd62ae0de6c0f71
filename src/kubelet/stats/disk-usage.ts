/**
 * How much disk files and directories take, as du(1) counts it: blocks, not lengths.
 *
 * Counting walks whole trees, so it is done by a process of its own, for all paths at once, when it
 * is asked for and a minute has passed since the last time (upstream's volumeStatsAggPeriod). Who
 * asks waits for it a moment, and then gets what was counted the last time.
 */
import type { Processes } from '#base/doors.ts';
import { type Environment, sleep } from '#base/env.ts';
import { messageOf } from '#base/error.ts';

export const KEEP_MS = 60_000;
const WAIT_MS = 2000;
const RUN_TIMEOUT_MS = 60_000;
/** Paths that are counted; those after them are not. */
const PATHS_MAX = 10_000;
/** Whole trees on one file system, in bytes; paths come in, and go out, with a NUL at the end. */
const ARGUMENTS = ['-0', '-s', '-x', '--files0-from=-'];

export interface DiskUse {
  readonly usedBytes: number;
  readonly inodesUsed: number;
  /** When it was counted: milliseconds since 1970. */
  readonly timeMs: number;
}

export class DiskUsage {
  readonly #environment: Environment;
  readonly #processes: Processes;
  #counted: ReadonlyMap<string, DiskUse> = new Map();
  #countedAtMs: number | undefined;
  #running: Promise<void> | undefined;

  constructor(options: { readonly environment: Environment; readonly processes: Processes }) {
    this.#environment = options.environment;
    this.#processes = options.processes;
  }

  /** What is not there, or was not yet when it was counted, is not in the answer. */
  async of(paths: readonly string[]): Promise<ReadonlyMap<string, DiskUse>> {
    const { clock } = this.#environment;
    const isOld = clock.monotonicMs() - (this.#countedAtMs ?? Number.NEGATIVE_INFINITY) >= KEEP_MS;
    if (isOld && paths.length > 0) {
      this.#running ??= this.#count(paths.slice(0, PATHS_MAX)).finally(() => {
        this.#running = undefined;
      });
    }
    const waited = new AbortController();
    const limit = sleep(this.#environment, WAIT_MS, waited.signal);
    if (this.#running !== undefined) await Promise.race([this.#running, limit]);
    waited.abort();
    return this.#counted;
  }

  async #count(paths: readonly string[]): Promise<void> {
    const { clock, log } = this.#environment;
    try {
      const [bytes, inodes] = await Promise.all([
        this.#run(['-B1'], paths),
        this.#run(['--inodes'], paths),
      ]);
      const timeMs = clock.now();
      this.#counted = new Map(
        [...bytes].map(([path, usedBytes]) => [
          path,
          { usedBytes, inodesUsed: inodes.get(path) ?? 0, timeMs },
        ]),
      );
    } catch (error) {
      log.warn('cannot count disk usage', { error: messageOf(error) });
    }
    this.#countedAtMs = clock.monotonicMs();
  }

  async #run(what: readonly string[], paths: readonly string[]): Promise<Map<string, number>> {
    // The exit code tells of paths that have gone meanwhile; the others are counted.
    const { stdout } = await this.#processes.run('du', [...what, ...ARGUMENTS], {
      input: paths.map((path) => `${path}\0`).join(''),
      timeoutMs: RUN_TIMEOUT_MS,
    });
    return countsOf(Buffer.from(stdout).toString());
  }
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
