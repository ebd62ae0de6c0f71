/**
 * What the configuration says for every pod of the node, as its workers need it.
 */
import { trimEndOf } from '#base/trim.ts';
import type { FileSystem, Processes } from '#base/doors.ts';
import type { Environment } from '#base/env.ts';
import type { CpuQuotas } from '../cgroups/cfs.ts';
import { CgroupManager, findCgroupHierarchy } from '../cgroups/cgroup-manager.ts';
import { milliseconds } from '../config/durations.ts';
import type { KubeletConfiguration } from '../config/types.ts';
import { parseResolvConf, type ResolverConfig } from '../container/dns.ts';
import type { NodeFacts } from '../node/node-object.ts';
import type { NodeSettings } from './node-context.ts';

const US_PER_MS = 1000;
const NOTHING: ResolverConfig = { servers: [], searches: [], options: [] };

export interface SettingsOptions {
  readonly environment: Environment;
  readonly fileSystem: FileSystem;
  readonly processes: Processes;
  readonly configuration: KubeletConfiguration;
  readonly rootDirectory: string;
}

/** Undefined where none are to be made, or the kernel has none. */
export async function cgroupsOf(options: SettingsOptions): Promise<CgroupManager | undefined> {
  const { configuration, fileSystem } = options;
  if (!configuration.cgroupsPerQOS) return undefined;
  const hierarchy = findCgroupHierarchy(await fileSystem.readText('/proc/self/mounts'));
  if (hierarchy === undefined) return undefined;
  return new CgroupManager({
    ...options,
    hierarchy,
    // Of the root of all there is: nothing stands before `/kubepods`.
    root: trimEndOf(configuration.cgroupRoot ?? '', (last) => last === '/'),
    quotas: quotasOf(configuration),
    podPidsLimit: configuration.podPidsLimit,
  });
}

export async function nodeSettings(
  { configuration, fileSystem, rootDirectory }: SettingsOptions,
  facts: NodeFacts,
  cgroups: CgroupManager | undefined,
): Promise<NodeSettings> {
  const { resolvConf, singleProcessOOMKill } = configuration;
  const resolver =
    resolvConf === ''
      ? NOTHING
      : await fileSystem.readText(resolvConf).then(parseResolvConf, () => NOTHING);
  const isVersion2 = cgroups?.hierarchy.version === 2;
  return {
    nodeName: facts.name,
    clusterDns: configuration.clusterDNS ?? [],
    clusterDomain: configuration.clusterDomain ?? '',
    resolver,
    logRoot: configuration.podLogsDir,
    seccompDirectory: `${rootDirectory}/seccomp`,
    seccompDefault: configuration.seccompDefault,
    limits: {
      memoryCapacity: facts.machine.memoryBytes,
      quotas: quotasOf(configuration),
      killsAll: isVersion2 && singleProcessOOMKill !== true,
    },
    syncFrequencyMs: milliseconds(configuration.syncFrequency),
  };
}

function quotasOf({ cpuCFSQuota, cpuCFSQuotaPeriod }: KubeletConfiguration): CpuQuotas {
  return { isEnforced: cpuCFSQuota, periodUs: milliseconds(cpuCFSQuotaPeriod) * US_PER_MS };
}
