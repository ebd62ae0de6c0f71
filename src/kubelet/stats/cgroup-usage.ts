/**
 * What a cgroup uses: the few figures that are asked for all the time, from as few files as they
 * lie in. Pure.
 *
 * Source: kernel documentation "Control Group v2", "cgroup-v1/memory", "cgroup-v1/cpuacct". How the
 * working set is reckoned: usage without the file pages that nobody has used for long, as cAdvisor
 * does (container/libcontainer/handler.go), whose figures upstream's kubelet reports.
 */
import { type CgroupTexts, keyedNumbers, numberIn } from './cgroup-text.ts';

export interface MemoryUsage {
  readonly usageBytes: number;
  readonly workingSetBytes: number;
  readonly rssBytes: number;
  readonly cacheBytes: number;
  readonly mappedFileBytes: number;
  readonly activeFileBytes: number;
  readonly inactiveFileBytes: number;
  readonly pageFaults: number;
  readonly majorPageFaults: number;
  /** Infinite: no limit. */
  readonly limitBytes: number;
  readonly swapBytes: number;
  /** Of swap alone. Infinite: no limit; undefined: not known. */
  readonly swapLimitBytes?: number;
}

export interface CgroupUsage {
  /** Time on a processor since the cgroup was made. Undefined: the kernel does not say. */
  readonly cpuNanoseconds?: number;
  readonly memory?: MemoryUsage;
}

const NANOS_PER_MICRO = 1000;

export const USAGE_FILES_V1 = [
  'cpuacct.usage',
  'memory.usage_in_bytes',
  'memory.stat',
  'memory.limit_in_bytes',
];
export const USAGE_FILES_V2 = ['cpu.stat', 'memory.current', 'memory.stat', 'memory.max'];
/** Read only where the machine has swap. */
export const SWAP_FILES_V1 = ['memory.memsw.limit_in_bytes'];
export const SWAP_FILES_V2 = ['memory.swap.current', 'memory.swap.max'];

export function usageOfV1(texts: CgroupTexts): CgroupUsage {
  const cpu = numberIn(texts, 'cpuacct.usage');
  const usageBytes = numberIn(texts, 'memory.usage_in_bytes');
  const stat = keyedNumbers(texts.get('memory.stat'));
  // With those of the cgroups below it.
  const value = (name: string): number => stat.get(`total_${name}`) ?? stat.get(name) ?? 0;
  const limitBytes = numberIn(texts, 'memory.limit_in_bytes') ?? Number.POSITIVE_INFINITY;
  // Version 1 limits memory and swap together.
  const both = numberIn(texts, 'memory.memsw.limit_in_bytes');
  const hasSwapLimit = both !== undefined && Number.isFinite(limitBytes);
  return {
    ...(cpu === undefined ? {} : { cpuNanoseconds: cpu }),
    ...memoryPart(usageBytes, {
      rssBytes: value('rss'),
      cacheBytes: value('cache'),
      mappedFileBytes: value('mapped_file'),
      activeFileBytes: value('active_file'),
      inactiveFileBytes: value('inactive_file'),
      pageFaults: value('pgfault'),
      majorPageFaults: value('pgmajfault'),
      limitBytes,
      swapBytes: value('swap'),
      ...(hasSwapLimit ? { swapLimitBytes: both - limitBytes } : {}),
    }),
  };
}

export function usageOfV2(texts: CgroupTexts): CgroupUsage {
  const micros = keyedNumbers(texts.get('cpu.stat')).get('usage_usec');
  const stat = keyedNumbers(texts.get('memory.stat'));
  const value = (name: string): number => stat.get(name) ?? 0;
  // The root has no `memory.current`: what version 1 counts there is these two.
  const ofRoot = stat.size > 0 ? value('anon') + value('file') : undefined;
  const swapLimitBytes = numberIn(texts, 'memory.swap.max');
  return {
    ...(micros === undefined ? {} : { cpuNanoseconds: micros * NANOS_PER_MICRO }),
    ...memoryPart(numberIn(texts, 'memory.current') ?? ofRoot, {
      rssBytes: value('anon'),
      cacheBytes: value('file'),
      mappedFileBytes: value('file_mapped'),
      activeFileBytes: value('active_file'),
      inactiveFileBytes: value('inactive_file'),
      pageFaults: value('pgfault'),
      majorPageFaults: value('pgmajfault'),
      limitBytes: numberIn(texts, 'memory.max') ?? Number.POSITIVE_INFINITY,
      swapBytes: numberIn(texts, 'memory.swap.current') ?? 0,
      ...(swapLimitBytes === undefined ? {} : { swapLimitBytes }),
    }),
  };
}

function memoryPart(
  usageBytes: number | undefined,
  rest: Omit<MemoryUsage, 'usageBytes' | 'workingSetBytes'>,
): Pick<CgroupUsage, 'memory'> {
  if (usageBytes === undefined) return {};
  const workingSetBytes = Math.max(0, usageBytes - rest.inactiveFileBytes);
  return { memory: { usageBytes, workingSetBytes, ...rest } };
}
