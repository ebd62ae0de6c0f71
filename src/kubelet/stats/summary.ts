/**
 * A look at the node as the Summary API tells it. Pure.
 *
 * What is not known is left out, never 0. Upstream: pkg/kubelet/server/stats/summary.go and
 * pkg/kubelet/stats, v1.36.
 */
import { timeText } from '#api/meta/time.ts';
import type { CgroupDetails } from './cgroup-details.ts';
import { ephemeralStorage, fsStats, logsStats, rootfsStats } from './fs-stats.ts';
import {
  type ContainerLook,
  type FullLook,
  type PodExtras,
  type PodLook,
  ROOT_CGROUP,
  type SystemLook,
  type UsageLook,
} from './looks.ts';
import type { InterfaceCounts } from './proc-text.ts';
import type {
  ContainerSummary,
  CpuStats,
  InterfaceStats,
  IoStats,
  MemoryStats,
  NetworkStats,
  PodSummary,
  Summary,
  SwapStats,
} from './summary-types.ts';
import type { UsageSample } from './usage-sampler.ts';

/** Upstream takes this one for what a pod, and a node, mainly speaks over. */
const DEFAULT_INTERFACE = 'eth0';

/** Processor, memory and swap alone. */
export function usageSummary(look: UsageLook): Summary {
  return {
    node: {
      nodeName: look.nodeName,
      systemContainers: look.system.map(systemSummary),
      startTime: timeText(look.bootMs),
      ...nodeUsage(look, undefined),
    },
    pods: look.pods.map((pod) => ({
      ...podHead(pod),
      containers: pod.containers.map((one) => ({
        ...containerHead(one),
        ...usageParts(one.sample, undefined),
      })),
      ...usageParts(pod.sample, undefined),
    })),
  };
}

export function fullSummary(look: FullLook): Summary {
  const { node } = usageSummary(look);
  const time = timeText(look.timeMs);
  const root = look.details.get(ROOT_CGROUP);
  return {
    node: {
      ...node,
      ...nodeUsage(look, root),
      ...ioPart(look.timeMs, root),
      ...networkPart(look.timeMs, look.interfaces),
      fs: fsStats(look.disk),
      runtime: {
        ...(look.images === undefined ? {} : { imageFs: fsStats(look.images) }),
        ...(look.containers === undefined ? {} : { containerFs: fsStats(look.containers) }),
      },
      rlimit: {
        time,
        ...(look.maxThreads === undefined ? {} : { maxpid: look.maxThreads }),
        ...(look.threads === undefined ? {} : { curproc: look.threads }),
      },
    },
    pods: look.pods.map((pod) => fullPod(look, pod)),
  };
}

function fullPod(look: FullLook, pod: PodLook): PodSummary {
  const extras = look.extras.get(pod.pod.metadata?.uid ?? '');
  const details = look.details.get(pod.path);
  const containers = pod.containers.map((one) => fullContainer(look, one, extras));
  const processes = pod.containers.reduce(
    (sum, { path }) => sum + (look.details.get(path)?.processes.length ?? 0),
    0,
  );
  const volumes = (extras?.volumes ?? []).map(({ place, use, room }) => ({
    ...fsStats({ ...use, room }),
    name: place.name,
  }));
  return {
    ...podHead(pod),
    containers,
    ...usageParts(pod.sample, details),
    ...ioPart(look.timeMs, details),
    ...networkPart(look.timeMs, extras?.interfaces),
    ...(volumes.length === 0 ? {} : { volume: volumes }),
    'ephemeral-storage': ephemeralStorage(look.disk, containers, extras),
    ...(details === undefined ? {} : { process_stats: { process_count: processes } }),
  };
}

function fullContainer(
  look: FullLook,
  one: ContainerLook,
  extras: PodExtras | undefined,
): ContainerSummary {
  const details = look.details.get(one.path);
  const { id, name } = one.container;
  return {
    ...containerHead(one),
    ...usageParts(one.sample, details),
    ...ioPart(look.timeMs, details),
    ...rootfsStats(look.layers.get(id)),
    logs: logsStats(look.disk, extras?.logs.get(name) ?? []),
  };
}

function podHead({ pod, sandbox, containers }: PodLook) {
  const { name = '', namespace = '', uid = '' } = pod.metadata ?? {};
  // A sandbox that has died leaves containers for a moment.
  const createdMs = sandbox?.createdMs ?? containers[0]?.container.createdMs ?? 0;
  return { podRef: { name, namespace, uid }, startTime: timeText(createdMs) };
}

function containerHead({ container }: ContainerLook) {
  return { name: container.name, startTime: timeText(container.createdMs) };
}

function systemSummary({ name, startedMs, sample }: SystemLook): ContainerSummary {
  return { name, startTime: timeText(startedMs), ...usageParts(sample, undefined) };
}

/** The machine's memory is the limit of all. */
function nodeUsage(look: UsageLook, details: CgroupDetails | undefined) {
  const { node, memoryBytes, swapBytes } = look;
  const memory = node?.usage.memory;
  if (node === undefined || memory === undefined) return usageParts(node, details);
  const limited = { ...memory, limitBytes: memoryBytes, swapLimitBytes: swapBytes };
  return usageParts({ ...node, usage: { ...node.usage, memory: limited } }, details);
}

interface UsageParts {
  readonly cpu?: CpuStats;
  readonly memory?: MemoryStats;
  readonly swap?: SwapStats;
}

function usageParts(
  sample: UsageSample | undefined,
  details: CgroupDetails | undefined,
): UsageParts {
  if (sample === undefined) return {};
  const { cpuNanoseconds, memory } = sample.usage;
  const time = timeText(sample.timeMs);
  const { nanoCores } = sample;
  return {
    ...(cpuNanoseconds === undefined
      ? {}
      : {
          cpu: {
            time,
            ...(nanoCores === undefined ? {} : { usageNanoCores: nanoCores }),
            usageCoreNanoSeconds: cpuNanoseconds,
            ...(details?.cpuPressure === undefined ? {} : { psi: details.cpuPressure }),
          },
        }),
    ...(memory === undefined
      ? {}
      : {
          memory: {
            time,
            ...left('availableBytes', memory.limitBytes, memory.workingSetBytes),
            usageBytes: memory.usageBytes,
            workingSetBytes: memory.workingSetBytes,
            rssBytes: memory.rssBytes,
            pageFaults: memory.pageFaults,
            majorPageFaults: memory.majorPageFaults,
            ...(details?.memoryPressure === undefined ? {} : { psi: details.memoryPressure }),
          },
          swap: {
            time,
            ...left('swapAvailableBytes', memory.swapLimitBytes, memory.swapBytes),
            swapUsageBytes: memory.swapBytes,
          },
        }),
  };
}

/** Nothing where nothing is limited. */
function left<K extends string>(
  name: K,
  limit: number | undefined,
  used: number,
): Partial<Record<K, number>> {
  if (limit === undefined || !Number.isFinite(limit)) return {};
  return { [name]: Math.max(0, limit - used) } as Partial<Record<K, number>>;
}

function ioPart(timeMs: number, details: CgroupDetails | undefined): { readonly io?: IoStats } {
  const psi = details?.ioPressure;
  return psi === undefined ? {} : { io: { time: timeText(timeMs), psi } };
}

function networkPart(
  timeMs: number,
  counts: readonly InterfaceCounts[] | undefined,
): { readonly network?: NetworkStats } {
  if (counts === undefined) return {};
  const interfaces = counts.map(interfaceStats);
  const main = interfaces.find(({ name }) => name === DEFAULT_INTERFACE) ?? { name: '' };
  const time = timeText(timeMs);
  return { network: { time, ...main, ...(interfaces.length === 0 ? {} : { interfaces }) } };
}

function interfaceStats(counts: InterfaceCounts): InterfaceStats {
  const { name, rxBytes, rxErrors, txBytes, txErrors } = counts;
  return { name, rxBytes, rxErrors, txBytes, txErrors };
}
