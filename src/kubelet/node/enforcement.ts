/**
 * Holds all pods together to what the node has left for them, and the system and Kubernetes to what
 * is reserved for them (`enforceNodeAllocatable`).
 *
 * Upstream: pkg/kubelet/cm/node_container_manager_linux.go (enforceNodeAllocatableCgroups), v1.36.
 */
import type { FileSystem } from '#base/doors.ts';
import { type Environment, sleep } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import { cpuShares } from '../cgroups/cfs.ts';
import type { CgroupManager, PodsRoom } from '../cgroups/cgroup-manager.ts';
import type { CgroupLimits } from '../cgroups/pod-cgroup.ts';
import type { KubeletConfiguration } from '../config/types.ts';
import type { KubeletEvents } from '../events.ts';
import { reserved, type RoomFacts } from './reservations.ts';
import { quantityMilli, quantityValue } from '#api/codec/quantity.ts';

const RETRY_MS = 60_000;
const DONE = 'NodeAllocatableEnforced';
const FAILED = 'FailedNodeAllocatableEnforcement';

export interface EnforcementOptions {
  readonly environment: Environment;
  readonly fileSystem: Pick<FileSystem, 'readText'>;
  readonly events: KubeletEvents;
  readonly nodeName: string;
  readonly facts: RoomFacts;
}

/** What all pods may have; with `pods` among the levels less what is reserved. */
async function podsRoom({ facts, fileSystem }: EnforcementOptions): Promise<PodsRoom> {
  const { configuration, machine } = facts;
  const milliCpu = machine.cpus * 1000;
  if (!configuration.enforceNodeAllocatable.includes('pods')) return { milliCpu };
  const pids = reserved(configuration, 'pid');
  const pidMax = Number(await fileSystem.readText('/proc/sys/kernel/pid_max').catch(() => '0'));
  return {
    milliCpu: Math.max(0, milliCpu - reserved(configuration, 'cpu')),
    memoryBytes: Math.max(0, machine.memoryBytes - reserved(configuration, 'memory')),
    ...(pids > 0 && pidMax > 0 ? { pids: Math.max(0, pidMax - pids) } : {}),
  };
}

/**
 * Makes the cgroups of all pods, where there are any. Rejects when the cgroup of the system or of
 * Kubernetes cannot be held.
 */
export async function startCgroups(
  options: EnforcementOptions,
  cgroups: CgroupManager | undefined,
): Promise<void> {
  if (cgroups === undefined) return;
  await cgroups.start(options.facts.machine.cpus * 1000);
  await enforceReservations(options, cgroups);
}

async function enforceReservations(
  options: EnforcementOptions,
  cgroups: CgroupManager,
): Promise<void> {
  const { configuration } = options.facts;
  const { enforceNodeAllocatable: levels } = configuration;
  for (const who of ['system', 'kube'] as const) {
    const isWhole = levels.includes(`${who}-reserved`);
    if (!isWhole && !levels.includes(`${who}-reserved-compressible`)) continue;
    const path = configuration[`${who}ReservedCgroup`] ?? '';
    const limits = limitsOf(configuration[`${who}Reserved`] ?? {}, isWhole);
    try {
      await cgroups.limitExisting(path, limits);
    } catch (error) {
      const name = who === 'system' ? 'System' : 'Kube';
      const message = `Failed to enforce ${name} Reserved Cgroup Limits on "${path}": ${messageOf(error)}`;
      report(options, { type: 'Warning', reason: FAILED, message });
      throw new Error(message, { cause: error });
    }
    const message = `Updated limits on ${who} reserved cgroup ${path}`;
    report(options, { type: 'Normal', reason: DONE, message });
  }
}

function limitsOf(
  list: NonNullable<KubeletConfiguration['systemReserved']>,
  isWhole: boolean,
): Partial<CgroupLimits> {
  const { cpu, memory, pid } = list;
  return {
    ...(cpu === undefined ? {} : { cpuShares: cpuShares(quantityMilli(cpu)) }),
    ...(memory === undefined || !isWhole ? {} : { memoryBytes: quantityValue(memory) }),
    ...(pid === undefined || !isWhole ? {} : { pids: quantityValue(pid) }),
  };
}

/**
 * Until it is done: pods that were there before may hold more than they may now, and eviction ends
 * some of them first.
 */
export async function enforcePodsRoom(
  options: EnforcementOptions,
  cgroups: CgroupManager | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { environment } = options;
  if (cgroups === undefined) return;
  while (!signal.aborted) {
    try {
      await cgroups.limitPods(await podsRoom(options));
      const message = 'Updated Node Allocatable limit across pods';
      return report(options, { type: 'Normal', reason: DONE, message });
    } catch (error) {
      const message = `Failed to update Node Allocatable Limits "${cgroups.podsPath}": ${messageOf(error)}`;
      report(options, { type: 'Warning', reason: FAILED, message });
    }
    await sleep(environment, RETRY_MS, signal);
  }
}

function report(
  { events, nodeName }: EnforcementOptions,
  event: {
    readonly type: 'Normal' | 'Warning';
    readonly reason: string;
    readonly message: string;
  },
): void {
  const reference = { kind: 'Node', name: nodeName, uid: nodeName };
  events.event({ about: { reference }, ...event });
}
