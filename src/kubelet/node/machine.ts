/**
 * Facts of the machine: what it has, and what runs on it.
 *
 * Source: proc(5), os-release(5), machine-id(5). Upstream: pkg/kubelet/nodestatus/setters.go and
 * cadvisor's machine info, v1.36.
 */
import type { FileSystem } from '#base/doors.ts';

export interface MachineFacts {
  readonly cpus: number;
  /** Processors that share one core, or one socket, count as one. */
  readonly cores: number;
  readonly sockets: number;
  readonly memoryBytes: number;
  readonly machineId: string;
  readonly systemUuid: string;
  readonly bootId: string;
  readonly kernelVersion: string;
  readonly osImage: string;
}

export async function readMachine(fileSystem: FileSystem): Promise<MachineFacts> {
  const read = (path: string): Promise<string> =>
    fileSystem.readText(path).then(
      (text) => text.trim(),
      () => '',
    );
  const [cpuinfo, meminfo, machineId, systemUuid, bootId, kernelVersion, release] =
    await Promise.all([
      read('/proc/cpuinfo'),
      read('/proc/meminfo'),
      read('/etc/machine-id'),
      read('/sys/class/dmi/id/product_uuid'),
      read('/proc/sys/kernel/random/boot_id'),
      read('/proc/sys/kernel/osrelease'),
      read('/etc/os-release'),
    ]);
  const memoryKib = Number(/^MemTotal:\s+([0-9]+) kB/m.exec(meminfo)?.[1] ?? 0);
  return {
    ...processorsOf(cpuinfo),
    memoryBytes: memoryKib * 1024,
    machineId,
    systemUuid: systemUuid === '' ? machineId : systemUuid,
    bootId,
    kernelVersion,
    osImage: /^PRETTY_NAME="?([^"\n]*)"?/m.exec(release)?.[1] ?? '',
  };
}

/** Of `/proc/cpuinfo`. Where it names no cores and sockets, each processor is a core of one socket. */
export function processorsOf(cpuinfo: string): Pick<MachineFacts, 'cpus' | 'cores' | 'sockets'> {
  const cores = new Set<string>();
  const sockets = new Set<string>();
  const processors = cpuinfo.split(/\n\s*\n/).filter((text) => /^processor\s*:/m.test(text));
  for (const [index, text] of processors.entries()) {
    const socket = /^physical id\s*:\s*([0-9]+)/m.exec(text)?.[1] ?? '0';
    const core = /^core id\s*:\s*([0-9]+)/m.exec(text)?.[1] ?? `processor ${index}`;
    sockets.add(socket);
    cores.add(`${socket}/${core}`);
  }
  return {
    cpus: Math.max(1, processors.length),
    cores: Math.max(1, cores.size),
    sockets: Math.max(1, sockets.size),
  };
}
