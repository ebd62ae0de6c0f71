/**
 * Workers of pods, in virtual time, against a runtime and an API in memory.
 *
 * Of the disk only files that are written atomically are remembered: checkpoints.
 */
import type { Pod, PodSpec } from '#api/gen/core-v1.ts';
import type { FileSystem } from '#base/doors.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { openGrpcChannel } from '#edge/grpc.ts';
import { realNetwork } from '#edge/network.ts';
import { PodAdmission } from '#kubelet/admission/pod-admission.ts';
import { SysctlAllowlist } from '#kubelet/admission/sysctls.ts';
import { CPU_QUOTAS } from '#kubelet/cgroups/cfs.ts';
import { defaultKubeletConfiguration } from '#kubelet/config/defaults.ts';
import { milliseconds } from '#kubelet/config/durations.ts';
import { RuntimeCache } from '#kubelet/cri/runtime-cache.ts';
import { containerDevices } from '#kubelet/devices/container-devices.ts';
import type { PodDeviceSource } from '#kubelet/devices/node-devices.ts';
import type { KubeletEvent } from '#kubelet/events.ts';
import { ImagePuller } from '#kubelet/images/image-puller.ts';
import { PullGate } from '#kubelet/images/pull-gate.ts';
import { HookRunner } from '#kubelet/lifecycle/hooks.ts';
import { WatchedObjects } from '#kubelet/object-source.ts';
import { BackoffTable } from '#kubelet/pod/backoff.ts';
import type { NodeContext } from '#kubelet/pod/node-context.ts';
import { PodWorker } from '#kubelet/pod/pod-worker.ts';
import { StatusWriter } from '#kubelet/pod/status-writer.ts';
import { ProbeManager } from '#kubelet/probes/probe-manager.ts';
import { resizing } from '#kubelet/resize/resizing.ts';
import { POD } from '#kubelet/resources.ts';
import { RuntimeState } from '#kubelet/runtime/runtime-state.ts';
import { KubeletMetrics } from '#kubelet/stats/kubelet-metrics.ts';
import { TokenSource } from '#kubelet/volumes/tokens.ts';
import { VirtualEnvironment } from '../virtual-environment.ts';
import { FakeApi } from './fake-api.ts';
import { FakeCri } from './fake-cri.ts';

/** A node without devices. */
const NO_DEVICES: PodDeviceSource = {
  prepare: () => Promise.resolve(),
  unprepare: () => Promise.resolve(),
  ofContainer: () => Promise.resolve(containerDevices([], [])),
  withHealth: (_pod, status) => status,
};

const LIMITS = { memoryCapacity: 2 ** 30, quotas: CPU_QUOTAS, killsAll: false };

export class PodWorld {
  readonly environment = new VirtualEnvironment();
  readonly api = new FakeApi();
  readonly cri = new FakeCri(this.environment);
  readonly events: KubeletEvent[] = [];
  readonly metrics = new KubeletMetrics(new MetricRegistry(), this.environment.clock);
  /** What was written atomically, by path. */
  readonly files = new Map<string, string>();
  /** Set: nothing can be written. */
  diskFault: Error | undefined;
  /** What is written is there only after this has resolved. */
  diskGate: Promise<void> = Promise.resolve();
  /** By name, what volumes were last made from. */
  readonly mounted = new Map<string, Pod>();
  readonly workers = new Map<string, PodWorker>();
  node: NodeContext;
  worker: PodWorker | undefined;
  removed = false;
  /** Pods that the node has taken besides. */
  taken: Pod[] = [];
  readonly #allocatable: Readonly<Record<string, string>>;

  constructor(allocatable: Readonly<Record<string, string>> = { pods: '10' }) {
    this.#allocatable = allocatable;
    this.node = this.#makeNode();
  }

  /** As after a crash: only the runtime, the API and the files are still there. */
  async restartKubelet(): Promise<void> {
    await Promise.all([...this.workers.values()].map((worker) => worker.stop()));
    const pods = [...this.workers.values()].map(({ pod }) => pod.metadata?.name ?? '');
    this.node.statuses.stop();
    this.workers.clear();
    this.node = this.#makeNode();
    await Promise.all([this.node.allocations.load(), this.node.resizer.load()]);
    await this.node.cache.relist();
    for (const name of pods) this.work(this.find(name));
    await this.environment.advance(0);
  }

  #makeNode(): NodeContext {
    const configuration = defaultKubeletConfiguration();
    const { environment, api, cri } = this;
    const wake = (): void => {
      for (const worker of this.workers.values()) worker.wake();
    };
    const objects = new WatchedObjects({ client: api, environment, onChange: wake });
    const network = realNetwork();
    const fileSystem = this.#fileSystem();
    return {
      environment,
      fileSystem,
      client: api,
      events: { event: (event) => this.events.push(event) },
      cri,
      runtime: new RuntimeState(cri),
      userNamespaces: {
        of: () => Promise.resolve({ mode: 2 }),
        release: () => {},
      } as unknown as NodeContext['userNamespaces'],
      runtimeClasses: { handlerOf: () => Promise.resolve(''), seenHandlerOf: () => '' },
      cache: new RuntimeCache({
        cri,
        terminationMessage: () => Promise.resolve(''),
        onChange: wake,
      }),
      cgroups: undefined,
      images: new ImagePuller({
        cri,
        environment,
        credentials: {
          find: () => Promise.resolve({ credentials: [], missingSecrets: [] }),
          forget: () => {},
        },
        gate: new PullGate(configuration, environment.clock),
      }),
      volumes: {
        mount: (pod: Pod) => {
          this.mounted.set(pod.metadata?.name ?? '', pod);
          return Promise.resolve(new Map());
        },
        tearDown: () => Promise.resolve(),
        podDirectory: () => '/pod',
      } as unknown as NodeContext['volumes'],
      mounter: {} as unknown as NodeContext['mounter'],
      devices: NO_DEVICES,
      hooks: new HookRunner({ environment, cri, network }),
      probes: new ProbeManager(
        { environment, cri, network, openGrpc: openGrpcChannel, metrics: this.metrics.probes },
        wake,
      ),
      metrics: this.metrics,
      statuses: new StatusWriter({ client: api, environment }),
      objects,
      tokens: new TokenSource({ client: api, environment }),
      podCertificates: { track: () => {}, forget: () => {} },
      backoff: new BackoffTable(),
      ...resizing({
        environment,
        cri,
        fileSystem,
        directory: '/kubelet',
        cgroups: undefined,
        limits: LIMITS,
        admission: new PodAdmission({
          client: api,
          hasAppArmor: false,
          sysctls: new SysctlAllowlist([], '6.1.0'),
          nodeName: 'n1',
          node: () => ({
            metadata: { name: 'n1' },
            status: { allocatable: { ...this.#allocatable } },
          }),
          taken: () => [...this.taken, ...this.#held()],
        }),
        allocateDevices: () => Promise.resolve(undefined),
        find: (uid) => this.workers.get(uid),
        ready: () => Promise.resolve(),
        onAllocated: () => {},
      }),
      settings: {
        nodeName: 'n1',
        clusterDns: [],
        clusterDomain: 'c.l',
        resolver: { servers: [], searches: [], options: [] },
        logRoot: '/logs',
        seccompDirectory: '/seccomp',
        seccompDefault: false,
        limits: LIMITS,
        syncFrequencyMs: milliseconds(configuration.syncFrequency),
      },
      services: () => Promise.resolve([]),
      hostIps: () => ['192.0.2.1'],
      allocatable: () => ({}),
    };
  }

  #held(): Pod[] {
    return [...this.workers.values()].filter(({ isTaken }) => isTaken).map(({ held }) => held);
  }

  #fileSystem(): FileSystem {
    const none = (): Promise<void> => Promise.resolve();
    return {
      makeDirectory: none,
      writeFile: none,
      chmod: none,
      remove: none,
      list: () => Promise.resolve([]),
      stat: (path: string) => Promise.resolve(this.files.has(path) ? {} : undefined),
      readText: (path: string) => Promise.resolve(this.files.get(path) ?? ''),
      writeFileAtomic: async (path: string, text: string) => {
        await this.diskGate;
        if (this.diskFault !== undefined) throw this.diskFault;
        this.files.set(path, text);
      },
    } as unknown as FileSystem;
  }

  get pod(): Pod | undefined {
    return this.api.find(POD, 'p', 'n');
  }

  find(name: string): Pod {
    return this.api.find(POD, name, 'n') ?? {};
  }

  async start(spec: Partial<PodSpec> = {}, name = 'p'): Promise<void> {
    const pod = await this.api.create(POD, {
      metadata: { name, namespace: 'n' },
      spec: {
        containers: [{ name: 'main', image: 'i' }],
        terminationGracePeriodSeconds: 30,
        ...spec,
      },
    });
    this.worker = this.work(pod);
    await this.environment.advance(0);
  }

  /** Gives the pod a worker. */
  work(pod: Pod): PodWorker {
    const uid = pod.metadata?.uid ?? '';
    const worker = new PodWorker(this.node, pod, () => {
      this.workers.delete(uid);
      this.removed = true;
    });
    this.workers.set(uid, worker);
    worker.wake();
    return worker;
  }

  /** What the informer would tell. */
  async delete(gracePeriodSeconds?: number, name = 'p'): Promise<void> {
    const uid = this.find(name).metadata?.uid ?? '';
    const options = gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds };
    await this.api.delete(POD, { name, namespace: 'n' }, options);
    const pod = this.find(name);
    if (pod.metadata !== undefined) this.workers.get(uid)?.update(pod);
    await this.environment.advance(0);
  }

  /** What the API server and the informer would do with another spec. */
  async change(name: string, change: (spec: PodSpec) => PodSpec): Promise<void> {
    const pod = this.find(name);
    const generation = (pod.metadata?.generation ?? 1) + 1;
    const { spec = { containers: [] } } = pod;
    const changed = { ...pod, metadata: { ...pod.metadata, generation }, spec: change(spec) };
    await this.api.update(POD, changed);
    this.workers.get(pod.metadata?.uid ?? '')?.update(this.find(name));
    await this.environment.advance(0);
  }

  running(): string[] {
    return [...this.cri.containers.values()]
      .filter(({ status }) => status.state === 1)
      .map(({ status }) => status.metadata?.name ?? '');
  }
}
