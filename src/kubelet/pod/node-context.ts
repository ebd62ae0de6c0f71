/**
 * What every pod worker of a node shares: doors, managers and settings.
 */
import type { Pod, Service } from '#api/gen/core-v1.ts';
import type { FileSystem } from '#base/doors.ts';
import type { Environment } from '#base/env.ts';
import type { Client } from '#client/client.ts';
import type { CgroupManager } from '../cgroups/cgroup-manager.ts';
import type { ContainerLimits } from '../container/container-config.ts';
import type { ResolverConfig } from '../container/dns.ts';
import type { PodDeviceSource } from '../devices/node-devices.ts';
import type { DownwardFacts } from '../container/downward.ts';
import type { Cri } from '../cri/cri.ts';
import type { RuntimeCache } from '../cri/runtime-cache.ts';
import type { KubeletEvents } from '../events.ts';
import type { ImagePuller } from '../images/image-puller.ts';
import type { HookRunner } from '../lifecycle/hooks.ts';
import type { WatchedObjects } from '../object-source.ts';
import type { ProbeManager } from '../probes/probe-manager.ts';
import type { Resizing } from '../resize/resizing.ts';
import type { HandlerSource } from '../runtime/runtime-classes.ts';
import type { RuntimeState } from '../runtime/runtime-state.ts';
import type { KubeletMetrics } from '../stats/kubelet-metrics.ts';
import type { UserNamespaces } from '../user-namespaces/user-namespaces.ts';
import type { Mounter } from '../volumes/mounts.ts';
import type { PodCertificates } from '../volumes/pod-certificates.ts';
import type { TokenSource } from '../volumes/tokens.ts';
import type { VolumeManager } from '../volumes/volume-manager.ts';
import type { BackoffTable } from './backoff.ts';
import type { StatusWriter } from './status-writer.ts';

export interface NodeSettings {
  readonly nodeName: string;
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
  /** Of the node itself, for pods with the node's DNS. */
  readonly resolver: ResolverConfig;
  /** Logs of containers: `/var/log/pods`, or a private place. */
  readonly logRoot: string;
  readonly seccompDirectory: string;
  readonly seccompDefault: boolean;
  readonly limits: ContainerLimits;
  /** How often a pod is looked at though nothing has happened. */
  readonly syncFrequencyMs: number;
}

export interface NodeContext extends Resizing {
  readonly environment: Environment;
  readonly fileSystem: FileSystem;
  readonly client: Client;
  readonly events: KubeletEvents;
  readonly cri: Cri;
  readonly cache: RuntimeCache;
  /** What the runtime can. */
  readonly runtime: Pick<
    RuntimeState,
    'handler' | 'hasImageVolumes' | 'hasImageSubPaths' | 'version'
  >;
  readonly runtimeClasses: HandlerSource;
  readonly userNamespaces: UserNamespaces;
  /** Undefined where the kernel has no cgroups we may use. */
  readonly cgroups: CgroupManager | undefined;
  readonly images: ImagePuller;
  readonly volumes: VolumeManager;
  readonly mounter: Mounter;
  readonly devices: PodDeviceSource;
  readonly hooks: HookRunner;
  readonly probes: ProbeManager;
  readonly statuses: StatusWriter;
  readonly objects: WatchedObjects;
  readonly tokens: TokenSource;
  readonly podCertificates: Pick<PodCertificates, 'track' | 'forget'>;
  readonly backoff: BackoffTable;
  readonly metrics: KubeletMetrics;
  readonly settings: NodeSettings;
  /** Waits until the Services have been read once, but for a pod that may run before any API. */
  readonly services: (pod: Pod) => Promise<readonly Service[]>;
  readonly hostIps: () => readonly string[];
  /** Called with the addresses of each new sandbox, before its first container starts. */
  readonly onPodAddresses?: ((addresses: readonly string[]) => Promise<void>) | undefined;
  readonly allocatable: () => Readonly<Record<string, string>>;
}

/** Whether what is mounted below a volume of the pod can be read-only too (KEP-3857). */
export function canMountRecursiveReadOnly(
  { runtime, runtimeClasses }: Pick<NodeContext, 'runtime' | 'runtimeClasses'>,
  pod: Pod,
): boolean {
  const handler = runtimeClasses.seenHandlerOf(pod);
  return handler !== undefined && runtime.handler(handler)?.recursiveReadOnlyMounts === true;
}

/** Facts for the downward API of a pod with these addresses. */
export function downwardFacts(node: NodeContext, podIps: readonly string[]): DownwardFacts {
  return { podIps, hostIps: node.hostIps(), nodeAllocatable: node.allocatable() };
}
