/**
 * A whole kubelet in virtual time: its runtime, disk and programs are in memory, the API is that of a
 * cluster (`../cluster.ts`), asked as the node. What runs and what lies on disk outlives the kubelet.
 */
import type { Pod, PodSpec } from '#api/gen/core-v1.ts';
import type { Network } from '#base/doors.ts';
import { GRPC_CODE, GrpcError } from '#base/grpc.ts';
import { nodeIdentity } from '#client/in-process.ts';
import { defaultKubeletConfiguration } from '#kubelet/config/defaults.ts';
import type { KubeletConfiguration } from '#kubelet/config/types.ts';
import type { KubeletEvent } from '#kubelet/events.ts';
import { Kubelet } from '#kubelet/kubelet.ts';
import type { KubeletOptions } from '#kubelet/kubelet-options.ts';
import { CONTAINER_NAME_LABEL, POD_NAME_LABEL } from '#kubelet/cri/labels.ts';
import { POD } from '#kubelet/resources.ts';
import type { TestCluster } from '../cluster.ts';
import { MemoryGrpcSockets } from '../grpc-sockets.ts';
import { FakeCri } from './fake-cri.ts';
import { quickKeys } from './quick-keys.ts';
import { runtimeChannel } from './fake-runtime.ts';
import { MemoryFileSystem } from './memory-file-system.ts';

export const MANIFESTS = '/etc/kubernetes/manifests';
const NODE_NAME = 'n1';
const POD_START_MS = 5_000;

const PROC: Readonly<Record<string, string>> = {
  '/proc/cpuinfo': 'processor : 0\nprocessor : 1\n',
  '/proc/meminfo': 'MemTotal: 4194304 kB\nMemAvailable: 3145728 kB\n',
  '/proc/loadavg': '0.00 0.00 0.00 1/200 1',
  '/proc/sys/kernel/pid_max': '32768',
  '/proc/self/mounts': '',
  '/proc/self/mountinfo': '',
  '/etc/hosts': '127.0.0.1 localhost',
};

export class KubeletWorld {
  readonly cluster: TestCluster;
  readonly cri: FakeCri;
  readonly fileSystem = new MemoryFileSystem();
  readonly events: KubeletEvent[] = [];
  readonly sockets: MemoryGrpcSockets;
  kubelet: Kubelet | undefined;
  /** The API does not answer. */
  isCutOff = false;
  #stop = new AbortController();

  private constructor(cluster: TestCluster) {
    this.cluster = cluster;
    this.cri = new FakeCri(cluster.environment);
    this.sockets = new MemoryGrpcSockets(cluster.environment, this.fileSystem);
  }

  /** `manifests`: by name of the file. */
  static async make(
    cluster: TestCluster,
    manifests: Readonly<Record<string, string>> = {},
  ): Promise<KubeletWorld> {
    const world = new KubeletWorld(cluster);
    for (const [path, text] of Object.entries(PROC)) await world.fileSystem.writeFile(path, text);
    await world.fileSystem.makeDirectory(MANIFESTS);
    for (const [name, text] of Object.entries(manifests)) await world.write(name, text);
    return world;
  }

  /** `configuration`: what is other than upstream's defaults. */
  async start(
    configuration: Partial<KubeletConfiguration> = {},
    options: Partial<Omit<KubeletOptions, 'configuration'>> = {},
  ): Promise<void> {
    const { cluster, fileSystem } = this;
    this.#stop = new AbortController();
    const unreachable = new Error('not reachable in this world');
    const gate = (): void => {
      if (this.isCutOff) throw unreachable;
    };
    this.kubelet = new Kubelet({
      environment: cluster.environment,
      fileSystem,
      sockets: this.sockets,
      keys: quickKeys(),
      processes: {
        run: () =>
          Promise.resolve({ exitCode: 0, stdout: new Uint8Array(), stderr: new Uint8Array() }),
      },
      network: { dial: () => Promise.reject(unreachable) } as unknown as Network,
      client: cluster.clientOf(nodeIdentity(NODE_NAME), this.#stop.signal, { gate }),
      events: { event: (event) => this.events.push(event) },
      runtime: runtimeChannel(this.cri),
      openGrpc: () => {
        throw new GrpcError(GRPC_CODE.unavailable, unreachable.message);
      },
      node: {
        name: NODE_NAME,
        hostname: NODE_NAME,
        ips: ['192.0.2.1'],
        architecture: 'amd64',
        labels: {},
      },
      rootDirectory: '/var/lib/kubelet',
      sandboxImage: 'pause',
      onPodCidrs: () => Promise.resolve(),
      ...options,
      configuration: defaultKubeletConfiguration({
        clusterDomain: 'cluster.local',
        staticPodPath: MANIFESTS,
        ...configuration,
      }),
    });
    await cluster.run(this.kubelet.start());
  }

  /** As after a crash: no goodbye to anybody. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.cluster.run(this.kubelet?.stop({ stopPods: false }) ?? Promise.resolve());
    this.kubelet = undefined;
  }

  write(name: string, text: string): Promise<void> {
    return this.fileSystem.writeFile(`${MANIFESTS}/${name}`, text);
  }

  remove(name: string): Promise<void> {
    return this.fileSystem.remove(`${MANIFESTS}/${name}`);
  }

  advance(ms: number): Promise<void> {
    return this.cluster.advance(ms);
  }

  /** `pod/container` of all that runs. */
  running(): string[] {
    return [...this.cri.containers.values()]
      .filter(({ status }) => status.state === 1)
      .map(
        ({ status: { labels } }) => `${labels?.[POD_NAME_LABEL]}/${labels?.[CONTAINER_NAME_LABEL]}`,
      )
      .toSorted();
  }

  /** Makes a pod of one container on the node, and gives it five seconds. */
  async runPod(name: string, spec: Partial<PodSpec> = {}, namespace = 'default'): Promise<void> {
    await this.cluster.create(POD, {
      metadata: { name, namespace },
      spec: {
        nodeName: NODE_NAME,
        automountServiceAccountToken: false,
        containers: [{ name: 'main', image: 'i' }],
        ...spec,
      },
    });
    await this.advance(POD_START_MS);
  }

  async pod(name: string, namespace = 'default'): Promise<Pod | undefined> {
    const pods = await this.cluster.list(POD, namespace);
    return pods.find(({ metadata }) => metadata?.name === name);
  }
}
