/**
 * Makes and removes the cgroups above the containers: the private root, the QoS classes, the pods.
 *
 * The containers' own cgroups are runc's, below the pod's. Source: kernel documentation
 * "Control Group v2" and "cgroup-v1"; upstream: pkg/kubelet/cm/cgroup_manager_linux.go, v1.36.
 */
import type { Pod } from '#api/gen/core-v1.ts';
import { type Environment, sleep } from '#base/env.ts';
import type { FileSystem } from '#base/doors.ts';
import { CPU_QUOTAS, type CpuQuotas, cpuShares, cpuWeight, weightShares } from './cfs.ts';
import {
  burstableShares,
  type CgroupLimits,
  podCgroupLimits,
  podCgroupPath,
} from './pod-cgroup.ts';

/** Which of the two forms the kernel offers, and where. */
export type CgroupHierarchy =
  | { readonly version: 2; readonly mount: string }
  /** Mount point of each controller; `systemd` and `unified`, which control nothing, included. */
  | { readonly version: 1; readonly mounts: ReadonlyMap<string, string> };

/** The last process of a container may be a moment behind the answer of the runtime. */
const REMOVE_TRIES_MAX = 20;
const REMOVE_RETRY_MS = 50;
const CONTROLLERS_V2 = ['cpu', 'cpuset', 'io', 'memory', 'pids'];
/** Controllers of version 1 that we set values in; runc makes the others' directories. */
const CONTROLLERS_V1 = ['cpu', 'memory', 'pids'];
/** Version 1 says so many bytes (less than a page more) where nothing is limited. */
const MEMORY_UNLIMITED = 2 ** 62;
/** What a cgroup is made with, where nothing else is said. */
const UNLIMITED = {
  cpuQuotaUs: Number.POSITIVE_INFINITY,
  memoryBytes: Number.POSITIVE_INFINITY,
};

/** Reads `/proc/self/mounts` (its text) for the cgroup file systems. */
export function findCgroupHierarchy(mounts: string): CgroupHierarchy | undefined {
  const byController = new Map<string, string>();
  let unified: string | undefined;
  for (const line of mounts.split('\n')) {
    const [, mount, type, options] = line.split(' ');
    if (mount === undefined || options === undefined) continue;
    if (type === 'cgroup2') unified ??= mount;
    if (type !== 'cgroup') continue;
    for (const option of options.split(',')) {
      const controller = option.startsWith('name=') ? option.slice(5) : option;
      if (mount.split('/').at(-1)?.split(',').includes(controller) === true) {
        byController.set(controller, mount);
      }
    }
  }
  if (byController.has('cpu') || byController.has('memory')) {
    // Beside version 1, runc makes directories in an empty version 2 hierarchy too.
    if (unified !== undefined) byController.set('unified', unified);
    return { version: 1, mounts: byController };
  }
  return unified === undefined ? undefined : { version: 2, mount: unified };
}

export interface CgroupManagerOptions {
  readonly environment: Environment;
  readonly fileSystem: FileSystem;
  readonly hierarchy: CgroupHierarchy;
  /**
   * Path of our root below the mounts: `/coxswain-1a2b3c4d`. The first slash may be left out. Empty:
   * that of the machine, which is not ours to remove.
   */
  readonly root: string;
  /** How limits of processors are held; upstream's default unless given. */
  readonly quotas?: CpuQuotas;
  /** Processes and threads that a pod may have; -1: no limit of the pod's own. */
  readonly podPidsLimit?: number;
}

/** What all pods together may have of the node. */
export interface PodsRoom {
  readonly milliCpu: number;
  /** Bytes; absent: no limit. */
  readonly memoryBytes?: number;
  /** Processes and threads; absent: no limit. */
  readonly pids?: number;
}

export class CgroupManager {
  readonly #options: CgroupManagerOptions;
  #burstableShares = 0;

  constructor(options: CgroupManagerOptions) {
    this.#options = options;
  }

  get root(): string {
    const { root } = this.#options;
    return root === '' || root.startsWith('/') ? root : `/${root}`;
  }

  get hierarchy(): CgroupHierarchy {
    return this.#options.hierarchy;
  }

  /** Path of the cgroup that holds those of all pods. */
  get podsPath(): string {
    return `${this.root}/kubepods`;
  }

  /** Path of the pod's cgroup, as CRI takes it. */
  pathOf(pod: Pod): string {
    return podCgroupPath(this.root, pod);
  }

  get #quotas(): CpuQuotas {
    return this.#options.quotas ?? CPU_QUOTAS;
  }

  /** Makes the root and the classes, without limits. `milliCpu`: what all pods may share. */
  async start(milliCpu: number): Promise<void> {
    const base = this.podsPath;
    await this.#ensure(base, { ...UNLIMITED, cpuShares: cpuShares(milliCpu) });
    await this.#ensure(`${base}/besteffort`, { ...UNLIMITED, cpuShares: cpuShares(0) });
    await this.#ensure(`${base}/burstable`, { ...UNLIMITED, cpuShares: cpuShares(0) });
  }

  async createForPod(pod: Pod): Promise<string> {
    const path = this.pathOf(pod);
    const { podPidsLimit = -1 } = this.#options;
    await this.#ensure(path, {
      ...UNLIMITED,
      ...podCgroupLimits(pod, this.#quotas),
      ...(podPidsLimit > 0 ? { pids: podPidsLimit } : {}),
    });
    return path;
  }

  /** Holds all pods together to this. Rejects when the kernel refuses, as while they use more. */
  async limitPods({ milliCpu, ...limits }: PodsRoom): Promise<void> {
    await this.#ensure(this.podsPath, { cpuShares: cpuShares(milliCpu), ...limits });
  }

  /** Holds to this a cgroup that somebody else has made. Rejects when there is none. */
  async limitExisting(path: string, limits: Partial<CgroupLimits>): Promise<void> {
    const found = await Promise.all(
      this.#directories(path).map((directory) => this.#options.fileSystem.stat(directory)),
    );
    if (found.every((stat) => stat === undefined)) throw new Error(`cgroup ${path} does not exist`);
    await this.#ensure(path, limits);
  }

  /** Changes some of the limits of the pod's cgroup. */
  setForPod(pod: Pod, limits: Partial<CgroupLimits>): Promise<void> {
    return this.#ensure(this.pathOf(pod), limits);
  }

  /** The limits that the pod's cgroup has now; what is not said is not limited. */
  async limitsOf(pod: Pod): Promise<Partial<CgroupLimits>> {
    const path = this.pathOf(pod);
    const { version } = this.#options.hierarchy;
    const read = async (controller: string, v1: string, v2: string): Promise<string[]> => {
      const text = await this.#read(controller, path, version === 1 ? v1 : v2);
      return text?.trim().split(' ') ?? [];
    };
    const [[share], [quota = '', period], [memory]] = await Promise.all([
      read('cpu', 'cpu.shares', 'cpu.weight'),
      read('cpu', 'cpu.cfs_quota_us', 'cpu.max'),
      read('memory', 'memory.limit_in_bytes', 'memory.max'),
    ]);
    const shares = version === 1 ? Number(share) : weightShares(Number(share));
    const { periodUs } = this.#quotas;
    const quotaUs = (Number(quota) * periodUs) / Number(period ?? periodUs);
    const memoryBytes = Number(memory);
    return {
      ...(shares > 0 ? { cpuShares: shares } : {}),
      ...(quotaUs > 0 ? { cpuQuotaUs: quotaUs } : {}),
      ...(memoryBytes < MEMORY_UNLIMITED ? { memoryBytes } : {}),
    };
  }

  /** Bytes; undefined: the kernel does not say. */
  async memoryUsageOf(pod: Pod): Promise<number | undefined> {
    const { version } = this.#options.hierarchy;
    const file = version === 1 ? 'memory.usage_in_bytes' : 'memory.current';
    const text = await this.#read('memory', this.pathOf(pod), file);
    return text === undefined ? undefined : Number(text);
  }

  /** Processes and threads; undefined: the kernel does not say. */
  async processesOf(pod: Pod): Promise<number | undefined> {
    const text = await this.#read('pids', this.pathOf(pod), 'pids.current');
    return text === undefined ? undefined : Number(text);
  }

  #read(controller: string, path: string, file: string): Promise<string | undefined> {
    const { hierarchy, fileSystem } = this.#options;
    const mount = hierarchy.version === 2 ? hierarchy.mount : hierarchy.mounts.get(controller);
    if (mount === undefined) return Promise.resolve(undefined);
    return fileSystem.readText(`${mount}${path}/${file}`).catch(() => undefined);
  }

  /** Weighs the burstable class by the pods that are in it. */
  async updateClasses(pods: readonly Pod[]): Promise<void> {
    const shares = burstableShares(pods);
    if (shares === this.#burstableShares) return;
    this.#burstableShares = shares;
    await this.#ensure(`${this.root}/kubepods/burstable`, { cpuShares: shares });
  }

  removeForPod(pod: Pod): Promise<void> {
    return this.#remove(this.pathOf(pod));
  }

  /** Uids of the pods that have a cgroup, with the path. */
  async podsWithCgroup(): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    for (const parent of ['kubepods', 'kubepods/besteffort', 'kubepods/burstable']) {
      const path = `${this.root}/${parent}`;
      for (const directory of this.#directories(path)) {
        const names = await this.#options.fileSystem.list(directory).catch(() => []);
        for (const name of names) {
          if (name.startsWith('pod')) found.set(name.slice(3), `${path}/${name}`);
        }
      }
    }
    return found;
  }

  removePath(path: string): Promise<void> {
    return this.#remove(path);
  }

  /** Removes the root with all below it: nothing of ours may run any more. */
  removeAll(): Promise<void> {
    return this.#remove(this.root === '' ? this.podsPath : this.root);
  }

  #directories(path: string): string[] {
    const { hierarchy } = this.#options;
    if (hierarchy.version === 2) return [`${hierarchy.mount}${path}`];
    return [...hierarchy.mounts.values()].map((mount) => `${mount}${path}`);
  }

  async #ensure(path: string, limits: Partial<CgroupLimits>): Promise<void> {
    const { hierarchy } = this.#options;
    if (hierarchy.version === 2) return this.#ensureV2(hierarchy.mount, path, limits);
    const { fileSystem } = this.#options;
    const ensure = async (controller: string): Promise<void> => {
      const mount = hierarchy.mounts.get(controller);
      if (mount === undefined) return;
      const directory = `${mount}${path}`;
      await fileSystem.makeDirectory(directory);
      for (const [file, value] of valuesV1(controller, limits, this.#quotas.periodUs)) {
        await fileSystem.writeFile(`${directory}/${file}`, value);
      }
    };
    await Promise.all(CONTROLLERS_V1.map(ensure));
  }

  async #ensureV2(mount: string, path: string, limits: Partial<CgroupLimits>): Promise<void> {
    const { fileSystem } = this.#options;
    let directory = mount;
    for (const name of path.split('/').filter((part) => part !== '')) {
      await this.#delegate(directory);
      directory = `${directory}/${name}`;
      await fileSystem.makeDirectory(directory);
    }
    await this.#delegate(directory);
    for (const [file, value] of valuesV2(limits, this.#quotas.periodUs)) {
      await fileSystem.writeFile(`${directory}/${file}`, value);
    }
  }

  /** Gives the controllers that are there to the children. */
  async #delegate(directory: string): Promise<void> {
    const { fileSystem } = this.#options;
    const available = (await fileSystem.readText(`${directory}/cgroup.controllers`)).split(/\s+/);
    const enabled = (await fileSystem.readText(`${directory}/cgroup.subtree_control`)).split(/\s+/);
    for (const controller of CONTROLLERS_V2) {
      if (!available.includes(controller) || enabled.includes(controller)) continue;
      await fileSystem.writeFile(`${directory}/cgroup.subtree_control`, `+${controller}`);
    }
  }

  async #remove(path: string): Promise<void> {
    const { environment } = this.#options;
    for (let tries = 0; tries < REMOVE_TRIES_MAX; tries++) {
      const directories = this.#directories(path);
      const gone = await Promise.all(directories.map((directory) => this.#removeTree(directory)));
      if (gone.every(Boolean)) return;
      await sleep(environment, REMOVE_RETRY_MS);
    }
    environment.log.warn('cgroup remains', { path });
  }

  /** A cgroup is removed by rmdir, and its files with it; children first, where it has any. */
  async #removeTree(directory: string): Promise<boolean> {
    const { fileSystem } = this.#options;
    const removed = (): Promise<boolean> =>
      fileSystem.removeDirectory(directory).then(
        () => true,
        () => false,
      );
    if (await removed()) return true;
    for (const name of await fileSystem.list(directory).catch(() => [])) {
      const child = `${directory}/${name}`;
      const stat = await fileSystem.stat(child, { noFollow: true });
      if (stat?.kind === 'directory') await this.#removeTree(child);
    }
    return removed();
  }
}

function valuesV1(
  controller: string,
  limits: Partial<CgroupLimits>,
  periodUs: number,
): [string, string][] {
  const { cpuShares: shares, cpuQuotaUs, memoryBytes, pids } = limits;
  const values: [string, string][] = [];
  if (controller === 'cpu') {
    if (shares !== undefined) values.push(['cpu.shares', String(shares)]);
    if (cpuQuotaUs !== undefined) {
      values.push(['cpu.cfs_period_us', String(periodUs)]);
      values.push(['cpu.cfs_quota_us', Number.isFinite(cpuQuotaUs) ? String(cpuQuotaUs) : '-1']);
    }
  }
  // A new cgroup is not limited.
  if (controller === 'memory' && memoryBytes !== undefined && Number.isFinite(memoryBytes)) {
    values.push(['memory.limit_in_bytes', String(memoryBytes)]);
  }
  if (controller === 'pids' && pids !== undefined) values.push(['pids.max', String(pids)]);
  return values;
}

function valuesV2(limits: Partial<CgroupLimits>, periodUs: number): [string, string][] {
  const { cpuShares: shares, cpuQuotaUs, memoryBytes, pids } = limits;
  const orMax = (value: number): string => (Number.isFinite(value) ? String(value) : 'max');
  const values: [string, string][] = [];
  if (shares !== undefined) values.push(['cpu.weight', String(cpuWeight(shares))]);
  if (cpuQuotaUs !== undefined) values.push(['cpu.max', `${orMax(cpuQuotaUs)} ${periodUs}`]);
  if (memoryBytes !== undefined) values.push(['memory.max', orMax(memoryBytes)]);
  if (pids !== undefined) values.push(['pids.max', String(pids)]);
  return values;
}
