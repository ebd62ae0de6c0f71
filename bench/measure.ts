/** Figures out of samples, and what a process uses. */
import { readdirSync, readFileSync } from 'node:fs';

/** The value at rank `q` (0 to 1) of the samples in order: the smallest that has that part of them. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = Math.ceil(q * sorted.length) - 1;
  return sorted[Math.min(sorted.length - 1, Math.max(0, rank))] ?? Number.NaN;
}

/** The value in the middle; of an even number the mean of the two there. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export interface Usage {
  /** Resident memory, as /proc says: text and libraries are counted for each process. */
  readonly megabytes: number;
  /** Processor time in user and kernel mode since the start, of all threads. */
  readonly cpuSeconds: number;
}

const NANOSECONDS_PER_SECOND = 1e9;

/** Of all these processes together. Fails when one is gone. */
export function usageOf(pids: readonly number[]): Usage {
  const each = pids.map((pid) => ({
    megabytes: parseResidentMegabytes(readFileSync(`/proc/${pid}/status`, 'utf8')),
    cpuSeconds: cpuSecondsOf(pid),
  }));
  return {
    megabytes: each.reduce((sum, { megabytes }) => sum + megabytes, 0),
    cpuSeconds: each.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
  };
}

/** `status`: the file of this name in /proc/PID (proc(5)). */
export function parseResidentMegabytes(status: string): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

/**
 * Memory of a process where what several share (the text of one program, say) is divided among them.
 * `rollup`: the file smaps_rollup in /proc/PID (proc(5)).
 */
export function parseProportionalMegabytes(rollup: string): number {
  return Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1]) / 1024;
}

/**
 * Of all threads that run. A process at rest uses less than the hundredths of a second that
 * /proc/PID/stat counts in; the scheduler's own count is in nanoseconds (kernel documentation
 * "Scheduler Statistics").
 */
function cpuSecondsOf(pid: number): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      nanoseconds += Number(
        readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0],
      );
    } catch {
      // The thread ended meanwhile.
    }
  }
  return nanoseconds / NANOSECONDS_PER_SECOND;
}
