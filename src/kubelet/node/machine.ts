/**
 * Facts of the machine: what it has, and what runs on it.
 *
 * Source: proc(5), os-release(5), machine-id(5). Upstream: pkg/kubelet/nodestatus/setters.go and
 * cadvisor's machine info, v1.36.
 */
import type { FileSystem } from '#base/doors.ts';

export interface MachineFacts {
  readonly cpus: number;
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
    cpus: Math.max(1, cpuinfo.match(/^processor\s*:/gm)?.length ?? 1),
    memoryBytes: memoryKib * 1024,
    machineId,
    systemUuid: systemUuid === '' ? machineId : systemUuid,
    bootId,
    kernelVersion,
    osImage: /^PRETTY_NAME="?([^"\n]*)"?/m.exec(release)?.[1] ?? '',
  };
}
