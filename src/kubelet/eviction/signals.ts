/**
 * What is observed of a node and its pods, and what each observation is about.
 *
 * Source: Kubernetes documentation "Node-pressure Eviction" v1.36. Upstream:
 * pkg/kubelet/eviction/api/types.go and helpers.go (init), v1.36.
 */
import type { Pod } from '#api/gen/core-v1.ts';
import type { DiskUse } from '../disk-use.ts';

export type PressureCondition = 'MemoryPressure' | 'DiskPressure' | 'PIDPressure';

/** What runs short. `inodes` and `pids` are the kubelet's own names. */
export type StarvedResource = 'memory' | 'ephemeral-storage' | 'inodes' | 'pids';

interface SignalFacts {
  readonly resource: StarvedResource;
  readonly condition: PressureCondition;
}

const DISK = { resource: 'ephemeral-storage', condition: 'DiskPressure' } as const;
const INODES = { resource: 'inodes', condition: 'DiskPressure' } as const;

const MEMORY = { resource: 'memory', condition: 'MemoryPressure' } as const;

export const SIGNALS = {
  'memory.available': MEMORY,
  /** What is left of the room of all pods together, where that is limited. */
  'allocatableMemory.available': MEMORY,
  'nodefs.available': DISK,
  'nodefs.inodesFree': INODES,
  'imagefs.available': DISK,
  'imagefs.inodesFree': INODES,
  'containerfs.available': DISK,
  'containerfs.inodesFree': INODES,
  'pid.available': { resource: 'pids', condition: 'PIDPressure' },
} as const satisfies Record<string, SignalFacts>;

export type Signal = keyof typeof SIGNALS;

export function isSignal(text: string): text is Signal {
  return Object.hasOwn(SIGNALS, text);
}

/** Bytes, inodes or process ids. */
export interface Observation {
  readonly available: number;
  readonly capacity: number;
}

export interface ContainerUse {
  readonly name: string;
  /** The working set, bytes. */
  readonly memoryBytes: number;
  /** What the container has written over its image. */
  readonly rootfs: DiskUse;
  readonly logs: DiskUse;
}

/** What a pod uses now. */
export interface PodUse {
  readonly containers: readonly ContainerUse[];
  /** Of local volumes (emptyDir on disk or in memory), by name. */
  readonly volumes: ReadonlyMap<string, DiskUse>;
  readonly processes: number;
}

export interface Observations {
  readonly signals: ReadonlyMap<Signal, Observation>;
  /** By uid; a pod that is not there could not be observed. */
  readonly pods: ReadonlyMap<string, PodUse>;
  /** Images lie on another file system than the kubelet's. */
  readonly hasImageFs: boolean;
  /** Of containers, what they write lies elsewhere than their images. */
  readonly hasContainerFs: boolean;
}

export interface EvictionObserver {
  /** How the node and these pods are now. */
  observe(pods: readonly Pod[]): Promise<Observations>;
}
