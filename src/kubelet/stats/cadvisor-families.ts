/**
 * The families of `/metrics/cadvisor`: name, kind, and where the values of an entity lie. Pure.
 *
 * Source: cAdvisor's metrics/prometheus.go, as of Kubernetes v1.36. The words of the help are ours.
 */
import type { CgroupDetails } from './cgroup-details.ts';
import type { DeviceIo, Pressure } from './cgroup-text.ts';
import type { MemoryUsage } from './cgroup-usage.ts';
import type { Entity } from './cadvisor-entities.ts';
import type { DiskLook } from './looks.ts';
import type { InterfaceCounts } from './proc-text.ts';

/** Names of block devices, by `8:0` and by mount point. */
export interface DeviceNames {
  readonly byNumbers: ReadonlyMap<string, string>;
  readonly ofPath: (path: string) => string;
}

/** Values of the labels that come besides those of the entity, and the value. */
type Value = readonly [labels: readonly string[], value: number];

export interface CadvisorFamily {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge';
  readonly labels: readonly string[];
  readonly values: (entity: Entity, devices: DeviceNames) => readonly Value[];
  /** What a container was made with has no time. */
  readonly isTimeless?: true;
}

const NANOS_PER_SECOND = 1e9;
const MS_PER_SECOND = 1000;

function one(value: number | undefined): readonly Value[] {
  return value === undefined ? [] : [[[], value]];
}

function seconds(nanoseconds: number | undefined): readonly Value[] {
  return nanoseconds === undefined ? [] : one(nanoseconds / NANOS_PER_SECOND);
}

/** cAdvisor says 0 where nothing is limited. */
function limit(value: number | undefined): readonly Value[] {
  return value === undefined ? [] : one(Number.isFinite(value) ? value : 0);
}

function memory(name: string, help: string, value: (usage: MemoryUsage) => number): CadvisorFamily {
  return {
    name: `container_memory_${name}`,
    help,
    type: 'gauge',
    labels: [],
    values: ({ usage }) => (usage.memory === undefined ? [] : one(value(usage.memory))),
  };
}

/** Only where processor time is limited. */
function throttling(
  name: string,
  help: string,
  values: (details: CgroupDetails) => readonly Value[],
): CadvisorFamily {
  return {
    name: `container_cpu_cfs_${name}`,
    help,
    type: 'counter',
    labels: [],
    values: ({ details }) => {
      const isLimited = details?.cpuQuota !== undefined && Number.isFinite(details.cpuQuota);
      return isLimited ? values(details) : [];
    },
  };
}

function detail(
  name: string,
  help: string,
  values: (details: CgroupDetails) => readonly Value[],
  type: CadvisorFamily['type'] = 'gauge',
): CadvisorFamily {
  return {
    name,
    help,
    type,
    labels: [],
    values: ({ details }) => (details === undefined ? [] : values(details)),
  };
}

function spec(
  name: string,
  help: string,
  values: (details: CgroupDetails) => readonly Value[],
): CadvisorFamily {
  return { ...detail(`container_spec_${name}`, help, values), isTimeless: true };
}

function network(
  name: string,
  help: string,
  value: (counts: InterfaceCounts) => number,
): CadvisorFamily {
  return {
    name: `container_network_${name}_total`,
    help,
    type: 'counter',
    labels: ['interface'],
    values: ({ interfaces }) => interfaces.map((counts) => [[counts.name], value(counts)]),
  };
}

function fileSystem(
  name: string,
  help: string,
  value: (disk: DiskLook) => number | undefined,
): CadvisorFamily {
  return {
    name: `container_fs_${name}`,
    help,
    type: 'gauge',
    labels: ['device'],
    values: ({ disk }, devices) => {
      const found = disk === undefined ? undefined : value(disk);
      if (disk === undefined || found === undefined) return [];
      return [[[devices.ofPath(disk.mountpoint)], found]];
    },
  };
}

function blockIo(name: string, help: string, value: (io: DeviceIo) => number): CadvisorFamily {
  return {
    name: `container_fs_${name}_total`,
    help,
    type: 'counter',
    labels: ['device'],
    values: ({ details }, devices) =>
      (details?.io ?? []).map((io) => [[deviceName(io, devices)], value(io)]),
  };
}

function deviceName({ major, minor }: DeviceIo, { byNumbers }: DeviceNames): string {
  const numbers = `${major}:${minor}`;
  return byNumbers.get(numbers) ?? numbers;
}

function pressure(
  what: 'cpu' | 'memory' | 'io',
  of: (details: CgroupDetails) => Pressure | undefined,
): CadvisorFamily[] {
  const family = (name: string, help: string, share: keyof Pressure): CadvisorFamily =>
    detail(
      `container_pressure_${what}_${name}_seconds_total`,
      help,
      (details) => seconds(of(details)?.[share].total),
      'counter',
    );
  return [
    family('stalled', `Seconds in which nothing could go on for want of ${what}.`, 'full'),
    family('waiting', `Seconds in which something waited for ${what}.`, 'some'),
  ];
}

export const CADVISOR_FAMILIES: readonly CadvisorFamily[] = [
  {
    name: 'container_cpu_usage_seconds_total',
    help: 'Seconds on processors.',
    type: 'counter',
    labels: ['cpu'],
    values: ({ usage: { cpuNanoseconds: nanoseconds } }) =>
      nanoseconds === undefined ? [] : [[['total'], nanoseconds / NANOS_PER_SECOND]],
  },
  detail(
    'container_cpu_user_seconds_total',
    'Seconds on processors, in programs.',
    ({ userNanoseconds }) => seconds(userNanoseconds),
    'counter',
  ),
  detail(
    'container_cpu_system_seconds_total',
    'Seconds on processors, in the kernel.',
    ({ systemNanoseconds }) => seconds(systemNanoseconds),
    'counter',
  ),
  throttling('periods_total', 'Periods of enforcement.', ({ periods }) => one(periods)),
  throttling('throttled_periods_total', 'Periods in which it was held back.', (details) =>
    one(details.throttledPeriods),
  ),
  throttling('throttled_seconds_total', 'Seconds that it was held back.', (details) =>
    seconds(details.throttledNanoseconds),
  ),
  memory('cache', 'Page cache, in bytes.', ({ cacheBytes }) => cacheBytes),
  memory('rss', 'Anonymous memory, in bytes.', ({ rssBytes }) => rssBytes),
  memory('mapped_file', 'Mapped files, in bytes.', ({ mappedFileBytes }) => mappedFileBytes),
  memory('swap', 'Swap, in bytes.', ({ swapBytes }) => swapBytes),
  memory('usage_bytes', 'All memory, however long unused.', ({ usageBytes }) => usageBytes),
  memory('working_set_bytes', 'Memory that it works with.', (usage) => usage.workingSetBytes),
  memory('total_active_file_bytes', 'File pages in use.', (usage) => usage.activeFileBytes),
  memory(
    'total_inactive_file_bytes',
    'File pages long unused.',
    (usage) => usage.inactiveFileBytes,
  ),
  detail('container_memory_max_usage_bytes', 'The most memory it ever had.', (details) =>
    one(details.maxMemoryBytes),
  ),
  detail('container_memory_kernel_usage', 'Memory of the kernel, in bytes.', (details) =>
    one(details.kernelMemoryBytes),
  ),
  detail(
    'container_memory_failcnt',
    'How often memory was at its limit.',
    ({ memoryFailures }) => one(memoryFailures),
    'counter',
  ),
  {
    name: 'container_memory_failures_total',
    help: 'Pages that were not there when they were wanted.',
    type: 'counter',
    labels: ['failure_type', 'scope'],
    values: ({ usage: { memory: found } }) =>
      found === undefined
        ? []
        : ['container', 'hierarchy'].flatMap((scope): Value[] => [
            [['pgfault', scope], found.pageFaults],
            [['pgmajfault', scope], found.majorPageFaults],
          ]),
  },
  detail(
    'container_oom_events_total',
    'Processes that were killed because memory ran out.',
    ({ oomKills }) => one(oomKills),
    'counter',
  ),
  network('receive_bytes', 'Bytes received.', ({ rxBytes }) => rxBytes),
  network('receive_packets', 'Packets received.', ({ rxPackets }) => rxPackets),
  network('receive_packets_dropped', 'Packets dropped on receipt.', ({ rxDropped }) => rxDropped),
  network('receive_errors', 'Errors on receipt.', ({ rxErrors }) => rxErrors),
  network('transmit_bytes', 'Bytes sent.', ({ txBytes }) => txBytes),
  network('transmit_packets', 'Packets sent.', ({ txPackets }) => txPackets),
  network('transmit_packets_dropped', 'Packets dropped on sending.', ({ txDropped }) => txDropped),
  network('transmit_errors', 'Errors on sending.', ({ txErrors }) => txErrors),
  fileSystem('usage_bytes', 'Bytes used on the file system.', ({ usedBytes }) => usedBytes),
  fileSystem('limit_bytes', 'Bytes of the file system.', ({ room }) => room.capacity),
  fileSystem('inodes_total', 'Inodes of the file system.', ({ room }) => room.inodes),
  fileSystem('inodes_free', 'Inodes that are free.', ({ room }) => room.inodesFree),
  blockIo('reads_bytes', 'Bytes read.', ({ readBytes }) => readBytes),
  blockIo('reads', 'Reads.', ({ reads }) => reads),
  blockIo('writes_bytes', 'Bytes written.', ({ writeBytes }) => writeBytes),
  blockIo('writes', 'Writes.', ({ writes }) => writes),
  {
    name: 'container_blkio_device_usage_total',
    help: 'Bytes read from and written to block devices.',
    type: 'counter',
    labels: ['device', 'major', 'minor', 'operation'],
    values: ({ details }, devices) =>
      (details?.io ?? []).flatMap((io): Value[] => {
        const labels = [deviceName(io, devices), String(io.major), String(io.minor)];
        return [
          [[...labels, 'Read'], io.readBytes],
          [[...labels, 'Write'], io.writeBytes],
        ];
      }),
  },
  detail('container_processes', 'Processes.', ({ processes }) => one(processes.length)),
  detail('container_threads', 'Threads.', ({ threads }) => one(threads)),
  detail('container_threads_max', 'Threads that there may be; 0: no limit.', (details) =>
    limit(details.maxThreads),
  ),
  ...pressure('cpu', ({ cpuPressure }) => cpuPressure),
  ...pressure('memory', ({ memoryPressure }) => memoryPressure),
  ...pressure('io', ({ ioPressure }) => ioPressure),
  spec('cpu_period', 'Microseconds of a period.', ({ cpuPeriod }) => one(cpuPeriod)),
  spec('cpu_quota', 'Microseconds on processors in a period.', ({ cpuQuota }) =>
    Number.isFinite(cpuQuota) ? one(cpuQuota) : [],
  ),
  spec('cpu_shares', 'Weight against others.', ({ cpuShares }) => one(cpuShares)),
  {
    name: 'container_spec_memory_limit_bytes',
    help: 'Memory that it may have; 0: no limit.',
    type: 'gauge',
    labels: [],
    values: ({ usage }) => limit(usage.memory?.limitBytes),
    isTimeless: true,
  },
  spec('memory_reservation_limit_bytes', 'Memory kept for it; 0: none.', (details) =>
    limit(details.memoryReservationBytes),
  ),
  {
    name: 'container_start_time_seconds',
    help: 'When it began, in seconds since 1970.',
    type: 'gauge',
    labels: [],
    values: ({ startedMs }) => one(Math.floor(startedMs / MS_PER_SECOND)),
    isTimeless: true,
  },
  {
    name: 'container_last_seen',
    help: 'When it was last seen, in seconds since 1970.',
    type: 'gauge',
    labels: [],
    values: ({ timeMs }) => one(Math.floor(timeMs / MS_PER_SECOND)),
  },
];
