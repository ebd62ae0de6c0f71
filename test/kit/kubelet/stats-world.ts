/**
 * The kubelet's server over a runtime, files and disks in memory, in virtual time. What a test wants
 * read, it writes: cgroup files and /proc as text, disks as numbers.
 */
import type { Pod } from '#api/gen/core-v1.ts';
import type { FileSystem, FileSystemRoom, Processes } from '#base/doors.ts';
import { type HttpResponse, readBody } from '#base/http/message.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { realNetwork } from '#edge/network.ts';
import { CgroupManager, type CgroupHierarchy } from '#kubelet/cgroups/cgroup-manager.ts';
import { containerLabels, podLabels } from '#kubelet/cri/labels.ts';
import { defaultKubeletConfiguration } from '#kubelet/config/defaults.ts';
import { RuntimeCache } from '#kubelet/cri/runtime-cache.ts';
import { SyncLoopCheck } from '#kubelet/server/health.ts';
import type { ServedPods } from '#kubelet/server/served-pods.ts';
import { kubeletServer, type KubeletServerOptions } from '#kubelet/server/server.ts';
import { KubeletMetrics } from '#kubelet/stats/kubelet-metrics.ts';
import { NodeStats } from '#kubelet/stats/node-stats.ts';
import { Mounter } from '#kubelet/volumes/mounts.ts';
import { VolumeManager } from '#kubelet/volumes/volume-manager.ts';
import { VirtualEnvironment } from '../virtual-environment.ts';
import { FakeCri } from './fake-cri.ts';

const MACHINE = {
  cpus: 4,
  cores: 2,
  sockets: 1,
  memoryBytes: 8_000_000,
  machineId: 'm',
  systemUuid: 's',
  bootId: 'b',
  kernelVersion: '6',
  osImage: 'os',
};

export class StatsWorld {
  readonly environment = new VirtualEnvironment();
  readonly cri = new FakeCri(this.environment);
  /** By path. */
  readonly files = new Map<string, string>();
  readonly rooms = new Map<string, FileSystemRoom>();
  /** What du finds: bytes and inodes, by path. */
  readonly disk = new Map<string, readonly [bytes: number, inodes: number]>();
  readonly directories: string[] = [];
  readonly pods: Pod[] = [];
  readonly metrics = new KubeletMetrics(new MetricRegistry(), this.environment.clock);
  readonly syncLoop = new SyncLoopCheck(this.environment.clock);
  readonly fileSystem: FileSystem;
  readonly cgroups: CgroupManager;
  /** Every file that was read. */
  readonly reads: string[] = [];
  runtimePid: number | undefined;
  readonly #cache: RuntimeCache;

  constructor(hierarchy: CgroupHierarchy) {
    const { environment, cri } = this;
    this.fileSystem = this.#fileSystem();
    const { fileSystem } = this;
    this.cgroups = new CgroupManager({
      environment,
      fileSystem,
      hierarchy,
      root: '/cox',
    });
    this.#cache = new RuntimeCache({
      cri,
      terminationMessage: () => Promise.resolve(''),
      onChange: () => {},
    });
  }

  /** Lets the runtime run all containers of the pod. Gives ids: of the sandbox, of containers. */
  async run(pod: Pod): Promise<readonly [sandbox: string, ...containers: string[]]> {
    const { metadata, spec } = pod;
    const { name = '', namespace = '', uid = '' } = metadata ?? {};
    const { podSandboxId = '' } = await this.cri.call('runPodSandbox', {
      config: { metadata: { name, namespace, uid }, labels: podLabels(pod) },
    });
    const ids: string[] = [];
    for (const container of spec?.containers ?? []) {
      const { containerId = '' } = await this.cri.call('createContainer', {
        podSandboxId,
        config: {
          metadata: { name: container.name },
          labels: containerLabels(container, pod),
          image: { image: container.image ?? '' },
        },
      });
      await this.cri.call('startContainer', { containerId });
      ids.push(containerId);
    }
    this.pods.push(pod);
    await this.#cache.relist();
    return [podSandboxId, ...ids];
  }

  /** Tells the kubelet what the runtime has. */
  async look(): Promise<void> {
    await this.#cache.relist();
  }

  /** Writes files below a directory. */
  write(directory: string, files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) this.files.set(`${directory}/${name}`, text);
  }

  /** A server that lets everybody do everything, unless told. */
  server(over: Partial<KubeletServerOptions> = {}): Requester {
    const handler = kubeletServer(this.options(over));
    return async (path, { method = 'GET', name = 'admin', headers = {} } = {}) => {
      const peer = name === '' ? {} : { certificate: { commonName: name, organizations: ['g'] } };
      const response = await handler({ method, url: path, headers, peer });
      const text = Buffer.from(await readBody(response.body)).toString();
      return { status: response.status, headers: response.headers, text };
    };
  }

  /** What a server of this kubelet is made of. */
  options(over: Partial<KubeletServerOptions> = {}): KubeletServerOptions {
    const { environment, fileSystem, cri, metrics } = this;
    const pods: ServedPods = {
      list: () => this.pods,
      find: (namespace, name) =>
        this.pods.find(
          ({ metadata }) => metadata?.name === name && metadata.namespace === namespace,
        ),
      statusOf: () => ({ phase: 'Running' }),
      observed: (uid) => this.#cache.get(uid),
      onChange: () => () => {},
    };
    return {
      nodeName: 'n1',
      environment,
      fileSystem,
      cri,
      pods,
      network: realNetwork(),
      rootDirectory: '/kubelet',
      observed: () => this.#cache.list(),
      stats: this.#stats(pods),
      metrics,
      facts: { machine: MACHINE, podsPath: this.cgroups.podsPath, sandboxImage: 'pause:1' },
      healthChecks: [this.syncLoop],
      configuration: defaultKubeletConfiguration({ podLogsDir: '/logs', cgroupRoot: '/cox' }),
      userOfToken: () => Promise.resolve(undefined),
      authorize: () => true,
      ...over,
    };
  }

  #stats(pods: ServedPods): NodeStats {
    const { environment, fileSystem, cri, cgroups } = this;
    const processes = this.#processes();
    const rootDirectory = '/kubelet';
    const none = {} as never;
    return new NodeStats({
      environment,
      fileSystem,
      processes,
      cri,
      pods,
      cgroups,
      rootDirectory,
      nodeName: 'n1',
      logRoot: '/logs',
      volumeStatsAggPeriodMs: 60_000,
      runtimePid: () => Promise.resolve(this.runtimePid),
      volumes: new VolumeManager({
        environment,
        fileSystem,
        rootDirectory,
        mounter: new Mounter({ fileSystem, processes }),
        objects: none,
        client: undefined as never,
        node: () => ({}),
        tokens: none,
        trustBundles: none,
        podCertificates: none,
      }),
    });
  }

  #fileSystem(): FileSystem {
    const missing = (path: string): Error =>
      Object.assign(new Error(`ENOENT: no such file or directory, open '${path}'`), {
        code: 'ENOENT',
      });
    const found = <T>(value: T | undefined, path: string): Promise<T> =>
      value === undefined ? Promise.reject(missing(path)) : Promise.resolve(value);
    // Nothing of the kubelet's server does more to files.
    return {
      readText: (path: string) => {
        this.reads.push(path);
        return found(this.files.get(path), path);
      },
      statFileSystem: (path: string) => found(this.rooms.get(path), path),
      makeDirectory: (path: string, mode = 0) => {
        this.directories.push(`${path} ${mode.toString(8)}`);
        return Promise.resolve();
      },
      list: (path: string) => {
        const names = [...this.files.keys()]
          .filter((file) => file.startsWith(`${path}/`))
          .map((file) => file.slice(path.length + 1));
        return found(names.length === 0 ? undefined : names, path);
      },
    } as unknown as FileSystem;
  }

  #processes(): Processes {
    return {
      run: (_command, args, { input = '' } = {}) => {
        const at = args[0] === '-B1' ? 0 : 1;
        const lines = String(input)
          .split('\0')
          .flatMap((path) => {
            const counted = this.disk.get(path);
            return counted === undefined ? [] : `${counted[at]}\t${path}\0`;
          });
        const stdout = Buffer.from(lines.join(''));
        return Promise.resolve({ exitCode: 0, stdout, stderr: Buffer.alloc(0) });
      },
    };
  }
}

interface Answer extends Pick<HttpResponse, 'status' | 'headers'> {
  readonly text: string;
}

type Requester = (
  path: string,
  request?: {
    readonly method?: string;
    /** Of the client certificate; empty for none. */
    readonly name?: string;
    readonly headers?: Readonly<Record<string, string>>;
  },
) => Promise<Answer>;

/** A room with these bytes and inodes; what only root may use is a tenth of what is free. */
export function room(capacity: number, free: number, inodes: number, inodesFree: number) {
  return { capacity, free, available: free - Math.floor(free / 10), inodes, inodesFree };
}
