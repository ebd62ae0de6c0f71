/**
 * The text of files below /proc as values. Pure.
 *
 * Source: proc(5). Which interfaces are left out: those that cAdvisor leaves out
 * (container/libcontainer/handler.go), because what passes them is counted at others.
 */
import type { CgroupUsage } from './cgroup-usage.ts';
import { NANOS_PER_TICK } from './cgroup-details.ts';

export interface InterfaceCounts {
  readonly name: string;
  readonly rxBytes: number;
  readonly rxPackets: number;
  readonly rxErrors: number;
  readonly rxDropped: number;
  readonly txBytes: number;
  readonly txPackets: number;
  readonly txErrors: number;
  readonly txDropped: number;
}

const IGNORED_INTERFACES = /^(lo|veth|docker|nerdctl)/i;
/** Counters of a line of `net/dev`. */
const INTERFACE_FIELDS = 16;

/** Of `/proc/<pid>/net/dev`. */
export function interfacesOf(text: string): InterfaceCounts[] {
  return text.split('\n').flatMap((line) => {
    const colon = line.lastIndexOf(':');
    const name = line.slice(0, colon).trim();
    const counts = line.slice(colon + 1).match(/[0-9]+/g) ?? [];
    if (colon < 0 || counts.length !== INTERFACE_FIELDS) return [];
    if (IGNORED_INTERFACES.test(name)) return [];
    const at = (field: number): number => Number(counts[field]);
    return {
      name,
      rxBytes: at(0),
      rxPackets: at(1),
      rxErrors: at(2),
      rxDropped: at(3),
      txBytes: at(8),
      txPackets: at(9),
      txErrors: at(10),
      txDropped: at(11),
    };
  });
}

/** Bytes of one line of `/proc/meminfo`, or of `/proc/<pid>/status`; 0 when it is not there. */
export function kibLine(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+([0-9]+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024;
}

/** When the machine started, of `/proc/stat`: milliseconds since 1970; 0 when it is not there. */
export function bootTimeMs(text: string): number {
  return Number(/^btime ([0-9]+)$/m.exec(text)?.[1] ?? 0) * 1000;
}

/** Threads that exist, of `/proc/loadavg`. */
export function threadsOf(text: string): number | undefined {
  const count = /^\S+ \S+ \S+ [0-9]+\/([0-9]+) /.exec(text)?.[1];
  return count === undefined ? undefined : Number(count);
}

export interface ProcessUsage extends CgroupUsage {
  /** Since the machine started. */
  readonly startedNanoseconds: number;
}

/** What one process uses, of its `stat` and `status`; undefined when there is no such process. */
export function processUsage(stat: string, status: string): ProcessUsage | undefined {
  // The name of the program, in brackets, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // proc(5) counts from 1, and two fields come before these.
  const at = (field: number): number => Number(fields[field - 3]);
  if (fields.length < 22) return undefined;
  const rssBytes = kibLine(status, 'VmRSS');
  return {
    cpuNanoseconds: (at(14) + at(15)) * NANOS_PER_TICK,
    memory: {
      usageBytes: rssBytes,
      workingSetBytes: rssBytes,
      rssBytes: kibLine(status, 'RssAnon'),
      cacheBytes: kibLine(status, 'RssFile') + kibLine(status, 'RssShmem'),
      mappedFileBytes: kibLine(status, 'RssFile'),
      activeFileBytes: 0,
      inactiveFileBytes: 0,
      pageFaults: at(10) + at(12),
      majorPageFaults: at(12),
      limitBytes: Number.POSITIVE_INFINITY,
      swapBytes: kibLine(status, 'VmSwap'),
    },
    startedNanoseconds: at(22) * NANOS_PER_TICK,
  };
}

/** Names of block devices, of `/proc/diskstats`: `8:0` is `/dev/sda`. */
export function deviceNames(text: string): Map<string, string> {
  const names = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [major, minor, name] = line.trim().split(/\s+/);
    if (name !== undefined) names.set(`${major}:${minor}`, `/dev/${name}`);
  }
  return names;
}

/** What is mounted at the place that holds `path`, of `/proc/self/mountinfo`. */
export function deviceOfPath(mountinfo: string, path: string): string | undefined {
  let longest = -1;
  let device: string | undefined;
  for (const line of mountinfo.split('\n')) {
    const [before = '', after] = line.split(' - ');
    const mount = before.split(' ')[4];
    if (mount === undefined || after === undefined) continue;
    const isBelow = path === mount || path.startsWith(mount.endsWith('/') ? mount : `${mount}/`);
    // Of two mounts on one place the later one is seen.
    if (!isBelow || mount.length < longest) continue;
    longest = mount.length;
    device = after.split(' ')[1];
  }
  return device;
}
