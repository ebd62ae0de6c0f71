/**
 * The figures of a cgroup that are asked for now and then: throttling, limits, processes, pressure,
 * input and output. Pure.
 *
 * Source: as `cgroup-usage.ts`; "CFS Bandwidth Control", "cgroup-v1/blkio-controller", "PSI".
 */
import { weightShares } from '../cgroups/cfs.ts';
import {
  type CgroupTexts,
  type DeviceIo,
  ioOfV1,
  ioOfV2,
  keyedNumbers,
  numberIn,
  type Pressure,
  pressureOf,
} from './cgroup-text.ts';

/** What is undefined, the kernel does not say. Infinite: no limit. */
export interface CgroupDetails {
  readonly userNanoseconds: number | undefined;
  readonly systemNanoseconds: number | undefined;
  readonly periods: number | undefined;
  readonly throttledPeriods: number | undefined;
  readonly throttledNanoseconds: number | undefined;
  readonly cpuShares: number | undefined;
  /** Microseconds in each period. */
  readonly cpuQuota: number | undefined;
  readonly cpuPeriod: number | undefined;
  readonly cpuPressure: Pressure | undefined;
  readonly maxMemoryBytes: number | undefined;
  readonly memoryFailures: number | undefined;
  readonly kernelMemoryBytes: number | undefined;
  readonly memoryReservationBytes: number | undefined;
  readonly oomKills: number | undefined;
  readonly memoryPressure: Pressure | undefined;
  readonly io: readonly DeviceIo[];
  readonly ioPressure: Pressure | undefined;
  readonly threads: number | undefined;
  readonly maxThreads: number | undefined;
  /** Ids of the processes of this cgroup, without those of the cgroups below it. */
  readonly processes: readonly number[];
}

const NANOS_PER_MICRO = 1000;
/** Of the kernel's figures for user space, on every architecture we run on (USER_HZ is 100). */
export const NANOS_PER_TICK = 10_000_000;

export const DETAIL_FILES_V1 = [
  'cpuacct.stat',
  'cpu.stat',
  'cpu.shares',
  'cpu.cfs_quota_us',
  'cpu.cfs_period_us',
  'memory.max_usage_in_bytes',
  'memory.failcnt',
  'memory.kmem.usage_in_bytes',
  'memory.soft_limit_in_bytes',
  'memory.oom_control',
  'blkio.throttle.io_service_bytes_recursive',
  'blkio.throttle.io_serviced_recursive',
  'pids.current',
  'pids.max',
  'cgroup.procs',
];

export const DETAIL_FILES_V2 = [
  'cpu.stat',
  'cpu.weight',
  'cpu.max',
  'cpu.pressure',
  'memory.peak',
  'memory.events',
  'memory.stat',
  'memory.min',
  'memory.pressure',
  'io.stat',
  'io.pressure',
  'pids.current',
  'pids.max',
  'cgroup.procs',
];

export function detailsOfV1(texts: CgroupTexts): CgroupDetails {
  const cpu = keyedNumbers(texts.get('cpu.stat'));
  const account = keyedNumbers(texts.get('cpuacct.stat'));
  const quota = numberIn(texts, 'cpu.cfs_quota_us');
  return {
    userNanoseconds: times(account.get('user'), NANOS_PER_TICK),
    systemNanoseconds: times(account.get('system'), NANOS_PER_TICK),
    periods: cpu.get('nr_periods'),
    throttledPeriods: cpu.get('nr_throttled'),
    throttledNanoseconds: cpu.get('throttled_time'),
    cpuShares: numberIn(texts, 'cpu.shares'),
    cpuQuota: quota !== undefined && quota < 0 ? Number.POSITIVE_INFINITY : quota,
    cpuPeriod: numberIn(texts, 'cpu.cfs_period_us'),
    cpuPressure: undefined,
    maxMemoryBytes: numberIn(texts, 'memory.max_usage_in_bytes'),
    memoryFailures: numberIn(texts, 'memory.failcnt'),
    kernelMemoryBytes: numberIn(texts, 'memory.kmem.usage_in_bytes'),
    memoryReservationBytes: numberIn(texts, 'memory.soft_limit_in_bytes'),
    oomKills: keyedNumbers(texts.get('memory.oom_control')).get('oom_kill'),
    memoryPressure: undefined,
    io: ioOfV1(
      texts.get('blkio.throttle.io_service_bytes_recursive'),
      texts.get('blkio.throttle.io_serviced_recursive'),
    ),
    ioPressure: undefined,
    ...tasks(texts),
  };
}

export function detailsOfV2(texts: CgroupTexts): CgroupDetails {
  const cpu = keyedNumbers(texts.get('cpu.stat'));
  const weight = numberIn(texts, 'cpu.weight');
  const events = keyedNumbers(texts.get('memory.events'));
  const period = texts.get('cpu.max')?.trim().split(' ')[1];
  return {
    userNanoseconds: times(cpu.get('user_usec'), NANOS_PER_MICRO),
    systemNanoseconds: times(cpu.get('system_usec'), NANOS_PER_MICRO),
    periods: cpu.get('nr_periods'),
    throttledPeriods: cpu.get('nr_throttled'),
    throttledNanoseconds: times(cpu.get('throttled_usec'), NANOS_PER_MICRO),
    cpuShares: weight === undefined ? undefined : weightShares(weight),
    cpuQuota: numberIn(texts, 'cpu.max'),
    cpuPeriod: period === undefined ? undefined : Number(period),
    cpuPressure: pressureOf(texts.get('cpu.pressure')),
    maxMemoryBytes: numberIn(texts, 'memory.peak'),
    memoryFailures: events.get('max'),
    kernelMemoryBytes: keyedNumbers(texts.get('memory.stat')).get('kernel'),
    memoryReservationBytes: numberIn(texts, 'memory.min'),
    oomKills: events.get('oom_kill'),
    memoryPressure: pressureOf(texts.get('memory.pressure')),
    io: ioOfV2(texts.get('io.stat')),
    ioPressure: pressureOf(texts.get('io.pressure')),
    ...tasks(texts),
  };
}

function tasks(texts: CgroupTexts): Pick<CgroupDetails, 'threads' | 'maxThreads' | 'processes'> {
  const ids = (texts.get('cgroup.procs') ?? '').split('\n').filter((id) => id !== '');
  return {
    threads: numberIn(texts, 'pids.current'),
    maxThreads: numberIn(texts, 'pids.max'),
    processes: ids.map(Number),
  };
}

function times(value: number | undefined, factor: number): number | undefined {
  return value === undefined ? undefined : value * factor;
}
