/**
 * Observes the machine: /proc, the file systems, the runtime's numbers, cgroups, `du`.
 *
 * Source: proc(5), du(1), CRI (ListContainerStats, ImageFsInfo). Upstream: pkg/kubelet/server/stats
 * and pkg/kubelet/eviction/helpers.go (makeSignalObservations), v1.36. Memory that is available is
 * what the working set of the root cgroup leaves, as upstream documents it; without cgroups it is what
 * the kernel says (MemAvailable).
 */
import type { ContainerStats, FilesystemUsage } from '#api/gen/cri-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { FileSystem, Processes } from '#base/doors.ts';
import type { CgroupManager } from '../cgroups/cgroup-manager.ts';
import { podLogDirectory } from '../container/container-config.ts';
import type { Cri } from '../cri/cri.ts';
import { type DiskUse, diskUse } from '../disk-use.ts';
import { CONTAINER_NAME_LABEL, POD_UID_LABEL } from '../cri/labels.ts';
import { CgroupReader } from '../stats/cgroup-reader.ts';
import type { MemoryUsage } from '../stats/cgroup-usage.ts';
import { ROOT_CGROUP } from '../stats/looks.ts';
import { kibLine } from '../stats/proc-text.ts';
import type {
  ContainerUse,
  EvictionObserver,
  Observation,
  Observations,
  PodUse,
  Signal,
} from './signals.ts';

const NOTHING: DiskUse = { bytes: 0, inodes: 0 };

export interface NodeObserverOptions {
  readonly cri: Cri;
  readonly fileSystem: FileSystem;
  readonly processes: Processes;
  readonly cgroups: CgroupManager | undefined;
  /** On the file system of the kubelet: nodefs. */
  readonly directory: string;
  readonly logRoot: string;
  /** Of an emptyDir volume of a pod. */
  readonly volumeDirectory: (podUid: string, volume: string) => string;
}

interface Disk {
  readonly device: number;
  readonly bytes: Observation;
  readonly inodes: Observation;
}

export class NodeObserver implements EvictionObserver {
  readonly #options: NodeObserverOptions;
  readonly #reader: CgroupReader | undefined;

  constructor(options: NodeObserverOptions) {
    const { cgroups, fileSystem } = options;
    this.#options = options;
    this.#reader =
      cgroups === undefined ? undefined : new CgroupReader(fileSystem, cgroups.hierarchy);
  }

  async observe(pods: readonly Pod[]): Promise<Observations> {
    const [memory, pids, disks, used] = await Promise.all([
      this.#memory(),
      this.#pids(),
      this.#disks(),
      this.#pods(pods),
    ]);
    const { nodefs, imagefs, containerfs } = disks;
    const signals = new Map<Signal, Observation>([
      ...memory,
      ['pid.available', pids],
      ['nodefs.available', nodefs.bytes],
      ['nodefs.inodesFree', nodefs.inodes],
      ['imagefs.available', imagefs.bytes],
      ['imagefs.inodesFree', imagefs.inodes],
      ['containerfs.available', containerfs.bytes],
      ['containerfs.inodesFree', containerfs.inodes],
    ]);
    return {
      signals,
      pods: used,
      hasImageFs: imagefs.device !== nodefs.device,
      hasContainerFs: containerfs.device !== imagefs.device,
    };
  }

  async #memory(): Promise<[Signal, Observation][]> {
    const { cgroups, fileSystem } = this.#options;
    const podsPath = cgroups?.podsPath ?? ROOT_CGROUP;
    const [text, node, pods] = await Promise.all([
      fileSystem.readText('/proc/meminfo'),
      this.#used(ROOT_CGROUP),
      podsPath === ROOT_CGROUP ? undefined : this.#used(podsPath),
    ]);
    const capacity = kibLine(text, 'MemTotal');
    const found: [Signal, Observation][] = [
      [
        'memory.available',
        node === undefined
          ? { available: kibLine(text, 'MemAvailable'), capacity }
          : left(capacity, node),
      ],
    ];
    if (pods !== undefined && Number.isFinite(pods.limitBytes))
      found.push(['allocatableMemory.available', left(pods.limitBytes, pods)]);
    return found;
  }

  async #used(path: string): Promise<MemoryUsage | undefined> {
    return (await this.#reader?.usage(path, false))?.memory;
  }

  async #pids(): Promise<Observation> {
    const { fileSystem } = this.#options;
    const capacity = Number(await fileSystem.readText('/proc/sys/kernel/pid_max'));
    const loadavg = await fileSystem.readText('/proc/loadavg');
    // The fourth field is running/existing kernel scheduling entities.
    const tasks = Number(loadavg.split(' ')[3]?.split('/')[1] ?? 0);
    return { available: capacity - tasks, capacity };
  }

  async #disks(): Promise<{ nodefs: Disk; imagefs: Disk; containerfs: Disk }> {
    const { cri, directory } = this.#options;
    const nodefs = await this.#disk(directory);
    const info = await cri.call('imageFsInfo', {});
    const diskOf = (place: FilesystemUsage | undefined): Promise<Disk> | undefined => {
      const mountpoint = place?.fsId?.mountpoint ?? '';
      return mountpoint === '' ? undefined : this.#disk(mountpoint);
    };
    const imagefs = (await diskOf(info.imageFilesystems?.[0])) ?? nodefs;
    const containerfs = (await diskOf(info.containerFilesystems?.[0])) ?? imagefs;
    return { nodefs, imagefs, containerfs };
  }

  async #disk(path: string): Promise<Disk> {
    const { fileSystem } = this.#options;
    const [stat, space] = await Promise.all([
      fileSystem.stat(path),
      fileSystem.statFileSystem(path),
    ]);
    return {
      device: stat?.device ?? 0,
      bytes: { available: space.available, capacity: space.capacity },
      inodes: { available: space.inodesFree, capacity: space.inodes },
    };
  }

  async #pods(pods: readonly Pod[]): Promise<Map<string, PodUse>> {
    if (pods.length === 0) return new Map();
    const { cri } = this.#options;
    const { stats = [] } = await cri.call('listContainerStats', {});
    const byPod = Map.groupBy(stats, ({ attributes }) => attributes?.labels?.[POD_UID_LABEL] ?? '');
    const places = pods.flatMap((pod) => this.#placesOf(pod, byPod.get(uidOf(pod)) ?? []));
    const sizes = await diskUse(this.#options.processes, places);
    const found = new Map<string, PodUse>();
    for (const pod of pods) {
      const uid = uidOf(pod);
      const ofPod = byPod.get(uid);
      if (ofPod === undefined) continue;
      found.set(uid, {
        containers: ofPod.map((one) => this.#containerUse(pod, one, sizes)),
        volumes: new Map(
          emptyDirs(pod).map((name) => [name, sizes.get(this.#volume(pod, name)) ?? NOTHING]),
        ),
        processes: (await this.#options.cgroups?.processesOf(pod)) ?? 0,
      });
    }
    return found;
  }

  #volume(pod: Pod, name: string): string {
    return this.#options.volumeDirectory(uidOf(pod), name);
  }

  #logs(pod: Pod, container: string): string {
    return `${podLogDirectory(this.#options.logRoot, pod)}/${container}`;
  }

  #placesOf(pod: Pod, stats: readonly ContainerStats[]): string[] {
    const volumes = emptyDirs(pod).map((name) => this.#volume(pod, name));
    return [...volumes, ...stats.map((one) => this.#logs(pod, nameOf(one)))];
  }

  #containerUse(
    pod: Pod,
    stats: ContainerStats,
    sizes: ReadonlyMap<string, DiskUse>,
  ): ContainerUse {
    const { memory, writableLayer } = stats;
    const name = nameOf(stats);
    return {
      name,
      memoryBytes: memory?.workingSetBytes?.value ?? memory?.usageBytes?.value ?? 0,
      rootfs: {
        bytes: writableLayer?.usedBytes?.value ?? 0,
        inodes: writableLayer?.inodesUsed?.value ?? 0,
      },
      logs: sizes.get(this.#logs(pod, name)) ?? NOTHING,
    };
  }
}

function left(capacity: number, { workingSetBytes }: MemoryUsage): Observation {
  return { available: Math.max(0, capacity - workingSetBytes), capacity };
}

function uidOf({ metadata }: Pod): string {
  return metadata?.uid ?? '';
}

function nameOf({ attributes }: ContainerStats): string {
  return attributes?.labels?.[CONTAINER_NAME_LABEL] ?? attributes?.metadata?.name ?? '';
}

function emptyDirs({ spec }: Pod): string[] {
  return (spec?.volumes ?? []).flatMap(({ name, emptyDir }) =>
    emptyDir === undefined ? [] : [name],
  );
}
