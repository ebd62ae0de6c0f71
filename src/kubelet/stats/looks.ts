/** What one look at the node found: the figures from which every answer is made. */
import type { Pod } from '#api/gen/core-v1.ts';
import type { FileSystemRoom } from '#base/doors.ts';
import type { ObservedContainer, ObservedSandbox } from '../pod/observed.ts';
import type { VolumePlace } from '../volumes/volume-manager.ts';
import type { CgroupDetails } from './cgroup-details.ts';
import type { DiskUse } from './disk-usage.ts';
import type { InterfaceCounts } from './proc-text.ts';
import type { UsageSample } from './usage-sampler.ts';

/** Path of the root of the cgroups. */
export const ROOT_CGROUP = '';

export interface ContainerLook {
  readonly container: ObservedContainer;
  /** Path of its cgroup. */
  readonly path: string;
  readonly sample: UsageSample | undefined;
}

export interface PodLook {
  readonly pod: Pod;
  readonly sandbox: ObservedSandbox | undefined;
  readonly path: string;
  readonly sample: UsageSample | undefined;
  /** Those that run, by name. */
  readonly containers: readonly ContainerLook[];
}

export interface SystemLook {
  readonly name: 'kubelet' | 'runtime' | 'pods';
  /** Milliseconds since 1970. */
  readonly startedMs: number;
  readonly sample: UsageSample;
}

export interface UsageLook {
  readonly nodeName: string;
  readonly bootMs: number;
  readonly memoryBytes: number;
  readonly swapBytes: number;
  readonly node: UsageSample | undefined;
  readonly system: readonly SystemLook[];
  readonly pods: readonly PodLook[];
}

export interface DiskLook {
  readonly timeMs: number;
  readonly room: FileSystemRoom;
  readonly mountpoint: string;
  readonly usedBytes: number | undefined;
  readonly inodesUsed: number | undefined;
}

export interface VolumeLook {
  readonly place: VolumePlace;
  readonly use: DiskUse;
  readonly room: FileSystemRoom;
}

export interface PodExtras {
  readonly interfaces: readonly InterfaceCounts[] | undefined;
  readonly volumes: readonly VolumeLook[];
  /** The hosts file and the termination messages (CVE-2020-8557). */
  readonly ownFiles: readonly DiskUse[];
  /** By container. */
  readonly logs: ReadonlyMap<string, readonly DiskUse[]>;
}

export interface FullLook extends UsageLook {
  readonly timeMs: number;
  readonly interfaces: readonly InterfaceCounts[] | undefined;
  readonly disk: DiskLook;
  readonly images: DiskLook | undefined;
  readonly containers: DiskLook | undefined;
  readonly maxThreads: number | undefined;
  readonly threads: number | undefined;
  /** By uid. */
  readonly extras: ReadonlyMap<string, PodExtras>;
  /** Of the writable layers, by id of container. */
  readonly layers: ReadonlyMap<string, DiskLook>;
  /** By path of cgroup. */
  readonly details: ReadonlyMap<string, CgroupDetails>;
  /** Of block devices, by `8:0`. */
  readonly devices: ReadonlyMap<string, string>;
  readonly mountinfo: string;
}
