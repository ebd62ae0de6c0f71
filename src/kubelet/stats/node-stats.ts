/**
 * What the node and its pods use, gathered from cgroups, /proc, the runtime and the disk.
 *
 *   usage()  cgroups and processes alone: processor, memory, swap   ─▶ /metrics/resource
 *   full()   and limits, networks, volumes, logs, input and output  ─▶ /stats/summary,
 *                                                                      /metrics/cadvisor
 *
 * Nothing is read but when somebody asks, and then at most once a second. A question for usage of
 * 100 pods of two containers reads four files of some 300 cgroups, without the runtime's help.
 *
 * Pods are those with a container that runs. Upstream: pkg/kubelet/stats, v1.36 (its
 * cri_stats_provider, which asks the runtime for a part of it and cAdvisor for the rest).
 */
import type { ContainerStats } from '#api/gen/cri-v1.ts';
import type { Processes } from '#base/doors.ts';
import type { Environment } from '#base/env.ts';
import type { CgroupManager } from '../cgroups/cgroup-manager.ts';
import type { Cri } from '../cri/cri.ts';
import type { ServedPods } from '../server/served-pods.ts';
import type { CgroupDetails } from './cgroup-details.ts';
import { CgroupReader } from './cgroup-reader.ts';
import { DiskUsage } from './disk-usage.ts';
import { diskLook, FileSystemRooms } from './file-system-rooms.ts';
import { KeptLook } from './kept-look.ts';
import {
  type DiskLook,
  type FullLook,
  type PodLook,
  ROOT_CGROUP,
  type SystemLook,
  type UsageLook,
} from './looks.ts';
import { podExtras, type PodExtrasOptions } from './pod-extras.ts';
import { bootTimeMs, deviceNames, interfacesOf, kibLine, threadsOf } from './proc-text.ts';
import { systemProcesses } from './system-processes.ts';
import { UsageSampler, type UsageSource } from './usage-sampler.ts';

const KEEP_MS = 1000;

export interface NodeStatsOptions extends PodExtrasOptions {
  readonly environment: Environment;
  readonly processes: Processes;
  readonly cri: Cri;
  readonly nodeName: string;
  readonly pods: Pick<ServedPods, 'list' | 'observed'>;
  /** Undefined: nothing is known of what pods and containers use. */
  readonly cgroups: CgroupManager | undefined;
  /** Process of the runtime; undefined: not known, and nothing is said of it. */
  readonly runtimePid?: (() => Promise<number | undefined>) | undefined;
  /** For how long what volumes hold is not counted anew; below zero: it never is. */
  readonly volumeStatsAggPeriodMs: number;
}

export class NodeStats {
  readonly #options: NodeStatsOptions;
  readonly #reader: CgroupReader | undefined;
  readonly #sampler: UsageSampler;
  readonly #disk: DiskUsage;
  readonly #usage: KeptLook<UsageLook>;
  readonly #full: KeptLook<FullLook>;

  constructor(options: NodeStatsOptions) {
    const { environment, fileSystem, cgroups } = options;
    this.#options = options;
    this.#reader =
      cgroups === undefined ? undefined : new CgroupReader(fileSystem, cgroups.hierarchy);
    this.#sampler = new UsageSampler(environment.clock);
    this.#disk = new DiskUsage({ ...options, keepMs: options.volumeStatsAggPeriodMs });
    this.#usage = new KeptLook(environment.clock, KEEP_MS, () => this.#lookAtUsage());
    this.#full = new KeptLook(environment.clock, KEEP_MS, () => this.#lookAtAll());
  }

  /** The version of the kernel's cgroups; undefined where there are none. */
  get cgroupVersion(): 1 | 2 | undefined {
    return this.#reader?.version;
  }

  usage(): Promise<UsageLook> {
    return this.#usage.get();
  }

  full(): Promise<FullLook> {
    return this.#full.get();
  }

  async #lookAtUsage(): Promise<UsageLook> {
    const { nodeName } = this.#options;
    const [stat, meminfo] = await Promise.all([
      this.#text('/proc/stat'),
      this.#text('/proc/meminfo'),
    ]);
    const bootMs = bootTimeMs(stat);
    const swapBytes = kibLine(meminfo, 'SwapTotal');
    const pods = this.#pods();
    const processes = await systemProcesses((path) => this.#text(path), this.#options.runtimePid);
    const paths = pods.flatMap(({ path, containers }) => [
      path,
      ...containers.map((one) => one.path),
    ]);
    const podsPath = this.#options.cgroups?.podsPath ?? ROOT_CGROUP;
    const samples = await this.#sampler.sample([
      ...this.#cgroupSources([ROOT_CGROUP, podsPath, ...paths], swapBytes > 0),
      ...processes.map(({ source }) => source),
    ]);
    const system = processes.flatMap(({ name, source, startedMs }): SystemLook[] => {
      const sample = samples.get(source.key);
      return sample === undefined ? [] : [{ name, startedMs: bootMs + startedMs, sample }];
    });
    const ofPods = podsPath === ROOT_CGROUP ? undefined : samples.get(podsPath);
    return {
      nodeName,
      bootMs,
      memoryBytes: kibLine(meminfo, 'MemTotal'),
      swapBytes,
      node: samples.get(ROOT_CGROUP),
      system:
        ofPods === undefined
          ? system
          : [...system, { name: 'pods', startedMs: bootMs, sample: ofPods }],
      pods: pods.map((look) => ({
        ...look,
        sample: samples.get(look.path),
        containers: look.containers.map((one) => ({ ...one, sample: samples.get(one.path) })),
      })),
    };
  }

  #cgroupSources(paths: readonly string[], hasSwap: boolean): UsageSource[] {
    const reader = this.#reader;
    if (reader === undefined) return [];
    return [...new Set(paths)].map((path) => ({
      key: path,
      read: () => reader.usage(path, hasSwap),
    }));
  }

  /** Those of which a container runs. */
  #pods(): PodLook[] {
    const { pods, cgroups } = this.#options;
    return pods.list().flatMap((pod): PodLook[] => {
      const observed = pods.observed(pod.metadata?.uid ?? '');
      const running = observed.containers.filter(({ state }) => state === 'running');
      if (running.length === 0) return [];
      const path = cgroups?.pathOf(pod) ?? '?';
      const containers = running
        .map((container) => ({ container, path: `${path}/${container.id}`, sample: undefined }))
        .toSorted((a, b) => (a.container.name < b.container.name ? -1 : 1));
      const sandbox = observed.sandboxes.find(({ ready }) => ready);
      return [{ pod, sandbox, path, sample: undefined, containers }];
    });
  }

  async #lookAtAll(): Promise<FullLook> {
    const { cri, environment, fileSystem, rootDirectory } = this.#options;
    const usage = await this.usage();
    const details = await this.#details(usage);
    const [disk, stats, places, network, pidMax, threadsMax, loadavg, diskstats, mountinfo] =
      await Promise.all([
        fileSystem.statFileSystem(rootDirectory),
        cri.call('listContainerStats', {}).then(({ stats: found = [] }) => found),
        cri.call('imageFsInfo', {}),
        this.#text('/proc/net/dev'),
        this.#text('/proc/sys/kernel/pid_max'),
        this.#text('/proc/sys/kernel/threads-max'),
        this.#text('/proc/loadavg'),
        this.#text('/proc/diskstats'),
        this.#text('/proc/self/mountinfo'),
      ]);
    const rooms = new FileSystemRooms(fileSystem);
    const images = await diskLook(places.imageFilesystems?.[0], rooms);
    const limits = [pidMax, threadsMax].map(Number).filter((limit) => limit > 0);
    const timeMs = environment.clock.now();
    return {
      ...usage,
      timeMs,
      interfaces: network === '' ? undefined : interfacesOf(network),
      disk: {
        timeMs,
        room: disk,
        mountpoint: rootDirectory,
        usedBytes: disk.capacity - disk.free,
        inodesUsed: disk.inodes - disk.inodesFree,
      },
      images,
      // Runtimes that do not tell them apart have both on one file system.
      containers: (await diskLook(places.containerFilesystems?.[0], rooms)) ?? images,
      maxThreads: limits.length === 0 ? undefined : Math.min(...limits),
      threads: threadsOf(loadavg),
      extras: await podExtras(this.#options, usage.pods, { details, rooms, disk: this.#disk }),
      layers: await this.#layers(stats, rooms),
      details,
      devices: deviceNames(diskstats),
      mountinfo,
    };
  }

  async #details({ pods }: UsageLook): Promise<Map<string, CgroupDetails>> {
    const reader = this.#reader;
    const found = new Map<string, CgroupDetails>();
    if (reader === undefined) return found;
    const paths = [
      ROOT_CGROUP,
      ...pods.flatMap(({ path, sandbox, containers }) => [
        path,
        ...(sandbox === undefined ? [] : [`${path}/${sandbox.id}`]),
        ...containers.map((one) => one.path),
      ]),
    ];
    await Promise.all(
      paths.map(async (path) => {
        const details = await reader.details(path);
        if (details !== undefined) found.set(path, details);
      }),
    );
    return found;
  }

  async #layers(
    stats: readonly ContainerStats[],
    rooms: FileSystemRooms,
  ): Promise<Map<string, DiskLook>> {
    const layers = new Map<string, DiskLook>();
    for (const { attributes, writableLayer } of stats) {
      const look = await diskLook(writableLayer, rooms);
      if (look !== undefined) layers.set(attributes?.id ?? '', look);
    }
    return layers;
  }

  /** Empty when there is no such file. */
  #text(path: string): Promise<string> {
    return this.#options.fileSystem.readText(path).catch(() => '');
  }
}
