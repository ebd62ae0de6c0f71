/**
 * How much disk files and directories take, kept for a while.
 *
 * Counting walks whole trees, so it is done by a process of its own, for all paths at once, when it
 * is asked for and volumeStatsAggPeriod has passed since the last time. Who
 * asks waits for it a moment, and then gets what was counted the last time.
 */
import type { Processes } from '#base/doors.ts';
import { type Environment, sleep } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import { diskUse } from '../disk-use.ts';

const WAIT_MS = 2000;
/** Paths that are counted; those after them are not. */
const PATHS_MAX = 10_000;

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
  readonly #keepMs: number;

  constructor(options: {
    readonly environment: Environment;
    readonly processes: Processes;
    /** For how long a count holds; below zero: nothing is counted. */
    readonly keepMs: number;
  }) {
    this.#keepMs = options.keepMs;
    this.#environment = options.environment;
    this.#processes = options.processes;
  }

  /** What is not there, or was not yet when it was counted, is not in the answer. */
  async of(paths: readonly string[]): Promise<ReadonlyMap<string, DiskUse>> {
    const { clock } = this.#environment;
    if (this.#keepMs < 0) return this.#counted;
    const sinceMs = clock.monotonicMs() - (this.#countedAtMs ?? Number.NEGATIVE_INFINITY);
    const isOld = sinceMs >= this.#keepMs;
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
      const found = await diskUse(this.#processes, paths);
      const timeMs = clock.now();
      this.#counted = new Map(
        [...found].map(([path, { bytes, inodes }]) => [
          path,
          { usedBytes: bytes, inodesUsed: inodes, timeMs },
        ]),
      );
    } catch (error) {
      log.warn('cannot count disk usage', { error: messageOf(error) });
    }
    this.#countedAtMs = clock.monotonicMs();
  }
}
