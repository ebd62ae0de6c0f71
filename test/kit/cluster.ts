/**
 * A whole cluster in one process and in virtual time: API server over the memory store, controllers,
 * scheduler, simulated nodes, each with its own identity, all from one seed.
 */
import { chosenKinds } from '#api/chosen-kinds.ts';
import { FeatureGates } from '#api/features/feature-gates.ts';
import type { ApiServerOptions } from '#apiserver/server-options.ts';
import { createApiServer, type ApiServer } from '#apiserver/server.ts';
import { isSameKind, type KubeObject } from '#api/meta/object.ts';
import type { MetricRegistry } from '#base/metrics.ts';
import type { Lease } from '#api/gen/coordination-v1.ts';
import type { Handler } from '#base/http/message.ts';
import { SeededRandom } from '#base/virtual/seeded-random.ts';
import { settle } from '#base/virtual/settle.ts';
import { clientAs, type Identity, nodeIdentity } from '#client/in-process.ts';
import type { Client, ResourceType } from '#client/client.ts';
import { isNews } from '#client/heartbeats.ts';
import { allControllers } from '#controllers/index.ts';
import { SimulatedNode } from '#kubelet/simulated/simulated-node.ts';
import type { PodDelays } from '#kubelet/simulated/simulated-pod.ts';
import type { Controller } from '#reconcile/controller.ts';
import type { Manager } from '#reconcile/manager.ts';
import type { SchedulerGates } from '#scheduler/config/defaults.ts';
import { MemoryStore } from '#store/memory.ts';
import { blindClient, blindnessOf, WITHOUT_FIELD } from './blindness.ts';
import { type ComponentName, ControlPlane, type Gate } from './control-plane.ts';
import type { CsiBackend } from './csi/backend.ts';
import type { SimulatedCsiDriver } from './csi/driver.ts';
import { type Faults, faultyHandler, NO_FAULTS } from './faults.ts';
import { deepFreeze } from './freeze.ts';
import { testServerOptions, testSigningKey } from './server-options.ts';
import { VirtualEnvironment } from './virtual-environment.ts';

export interface TestClusterOptions {
  readonly seed?: number;
  /** How many simulated nodes; 1 unless given. */
  readonly nodes?: number;
  readonly delays?: Partial<PodDelays>;
  /** All of them unless given. */
  readonly controllers?: readonly Controller[];
  readonly scheduler?: boolean;
  readonly schedulerGates?: SchedulerGates;
  /** Where the controllers count what they do. */
  readonly metrics?: MetricRegistry;
  /** So many controller managers and schedulers stand for election; without, one of each works. */
  readonly candidates?: number;
  /** Told when a component writes that is not the leader any more. */
  readonly onStaleWrite?: (text: string) => void;
  /** The labels of a simulated node. */
  readonly nodeLabels?: (name: string) => Readonly<Record<string, string>>;
  /** How long the Lease of a simulated node lasts; 40 unless given. */
  readonly nodeLeaseDurationSeconds?: number;
  /** Binds claims to volumes; without it they stay as the test binds them. */
  readonly bindsVolumes?: boolean;
  /** Makes volumes for claims, and attaches them; then claims are bound. */
  readonly csi?: SimulatedCsiDriver;
  /** What the API server is told beside what every test cluster has. */
  readonly apiServer?: Partial<ApiServerOptions>;
}

const ADMIN: Identity = { name: 'kubernetes-admin', groups: ['system:masters'] };
/** A field that controllers know nothing of, for `npm run fields`. */
const BLINDNESS = blindnessOf(process.env[WITHOUT_FIELD]);
const ELECTION_LEASES = '/registry/leases/kube-system/';

const QUIET_MS = 6_000;
const SETTLE_LIMIT_MS = 1_800_000;

/** Signs the tokens of service accounts. */
export const SIGNING_KEY = testSigningKey();

interface RunningNode {
  readonly name: string;
  readonly stop: AbortController;
}

export class TestCluster {
  readonly environment: VirtualEnvironment;
  readonly store: MemoryStore;
  /** Speaks as a member of system:masters; never faulty. */
  readonly client: Client;
  faults: Faults = NO_FAULTS;
  /** Successful writes but for heartbeats and events. */
  writes = 0;
  readonly #options: TestClusterOptions;
  readonly #random: SeededRandom;
  readonly #nodes = new Map<string, RunningNode>();
  readonly #stopping = new AbortController();
  readonly #plane: ControlPlane;
  #apiServer: ApiServer;

  private constructor(options: TestClusterOptions) {
    this.#options = options;
    this.environment = new VirtualEnvironment({ seed: options.seed ?? 1 });
    this.#random = new SeededRandom((options.seed ?? 1) ^ 0x5eed);
    this.store = new MemoryStore(this.environment);
    this.#apiServer = this.#createApiServer();
    this.client = this.#clientAs(ADMIN, (request) => this.#apiServer.handler(request));
    this.#plane = new ControlPlane({
      environment: this.environment,
      clientOf: (identity, signal, gate) => this.clientOf(identity, signal, { gate }),
      controllers: () => options.controllers ?? defaultControllers(options),
      hasScheduler: options.scheduler !== false,
      schedulerGates: options.schedulerGates ?? {},
      metrics: options.metrics,
      candidates: options.candidates ?? 0,
      onStaleWrite: options.onStaleWrite ?? ((): void => {}),
    });
  }

  /** A cluster whose API server answers, whose controllers are synced and whose nodes are ready. */
  static async start(options: TestClusterOptions = {}): Promise<TestCluster> {
    const cluster = new TestCluster(options);
    await cluster.run(cluster.#apiServer.start());
    if ((options.candidates ?? 0) > 0) await cluster.#watchLeases();
    await cluster.startComponents();
    if (options.csi !== undefined) await cluster.run(options.csi.install(cluster.client));
    cluster.startCsi();
    for (let i = 1; i <= (options.nodes ?? 1); i++) cluster.startNode(`node-${i}`);
    await cluster.settle();
    return cluster;
  }

  /** Awaits, moving virtual time as needed. */
  run<T>(promise: Promise<T>): Promise<T> {
    return this.environment.resolve(promise);
  }

  /** Runs until nothing has been written for a while and no controller has anything to do. */
  async settle(quietMs = QUIET_MS): Promise<void> {
    const rests = await settle({
      environment: this.environment,
      activity: () => this.writes,
      isIdle: () => this.manager?.isSettled() === true,
      quietMs,
      limitMs: SETTLE_LIMIT_MS,
    });
    if (!rests) throw new Error('Cannot settle: the cluster keeps writing');
  }

  async advance(ms: number): Promise<void> {
    await this.environment.advance(ms);
  }

  // Objects, as the administrator sees them.

  create<T extends KubeObject>(type: ResourceType<T>, object: T): Promise<T> {
    return this.run(this.client.create(type, object));
  }

  get<T extends KubeObject>(type: ResourceType<T>, name: string, namespace?: string): Promise<T> {
    return this.run(this.client.get(type, name, namespace));
  }

  async list<T extends KubeObject>(type: ResourceType<T>, namespace?: string): Promise<T[]> {
    return (await this.run(this.client.list(type, namespace === undefined ? {} : { namespace })))
      .items;
  }

  patch<T extends KubeObject>(type: ResourceType<T>, object: T, patch: unknown): Promise<T> {
    const { name = '', namespace } = object.metadata ?? {};
    const target = namespace === undefined ? { name } : { name, namespace };
    return this.run(this.client.patch(type, target, 'merge', patch));
  }

  delete<T extends KubeObject>(
    type: ResourceType<T>,
    object: T,
    options?: Parameters<Client['delete']>[2],
  ): Promise<void> {
    const { name = '', namespace } = object.metadata ?? {};
    const target = namespace === undefined ? { name } : { name, namespace };
    return this.run(this.client.delete(type, target, options));
  }

  // Processes, which can be stopped and started.

  /** The manager that works; undefined while there is none. */
  get manager(): Manager | undefined {
    return this.#plane.manager;
  }

  /** Nobody controls or schedules any more. */
  async stopComponents(): Promise<void> {
    await this.run(this.#plane.stop());
  }

  /** Kills controllers and scheduler (or one of the two), and starts them anew. */
  async startComponents(name?: ComponentName): Promise<void> {
    await this.run(this.#plane.restart(name));
  }

  /** Kills the candidate that leads, and starts it anew. */
  async killLeader(name: ComponentName): Promise<void> {
    await this.run(this.#plane.killLeader(name));
  }

  /** The leader does not reach the API server, or only not its Lease, for so long. */
  cutOffLeader(name: ComponentName, forMs: number, what: 'all' | 'lease'): void {
    this.#plane.cutOff(name, forMs, what);
  }

  /** Starts the CSI driver anew, after its `stop`. */
  startCsi(): void {
    this.#options.csi?.start(this.environment, (identity, signal) =>
      this.clientOf(identity, signal),
    );
  }

  /** Restarts the API server over the same store; watches break. */
  async restartApiServer(): Promise<void> {
    await this.run(this.#apiServer.stop());
    this.#apiServer = this.#createApiServer();
    await this.run(this.#apiServer.start());
  }

  startNode(name: string): void {
    const stop = new AbortController();
    this.#stopping.signal.addEventListener('abort', () => stop.abort());
    const number = Number(/\d+$/.exec(name)?.[0] ?? 0);
    const { nodeLeaseDurationSeconds } = this.#options;
    const node = new SimulatedNode({
      name,
      client: this.clientOf(nodeIdentity(name), stop.signal),
      environment: this.environment,
      address: `192.168.${Math.floor(number / 250)}.${number % 250}`,
      ...(this.#options.nodeLabels === undefined ? {} : { labels: this.#options.nodeLabels(name) }),
      ...(this.#options.delays === undefined ? {} : { delays: this.#options.delays }),
      nodeLeaseDurationSeconds,
    });
    this.#nodes.set(name, { name, stop });
    node.run(stop.signal).catch((error: unknown) => {
      this.environment.log.error('simulated node failed', { node: name, error: String(error) });
    });
  }

  /** The node dies: no goodbye. */
  killNode(name: string): void {
    this.#nodes.get(name)?.stop.abort();
    this.#nodes.delete(name);
  }

  /** What is behind the CSI driver, if there is one. */
  get storage(): CsiBackend | undefined {
    return this.#options.csi?.backend;
  }

  get nodeNames(): string[] {
    return [...this.#nodes.keys()];
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.run(this.#plane.stop());
    if (this.#options.csi !== undefined) await this.run(this.#options.csi.stop());
    await this.run(this.#apiServer.stop());
  }

  /** A client with this identity, behind the cluster's faults, or behind faults of its own. */
  clientOf(
    identity: Identity,
    signal?: AbortSignal,
    line: { readonly faults?: Faults; readonly gate?: Gate } = {},
  ): Client {
    const faulty = faultyHandler({
      handler: async (request) => {
        line.gate?.(request);
        return this.#apiServer.handler(request);
      },
      environment: this.environment,
      random: this.#random.fork(),
      faults: () => line.faults ?? this.faults,
    });
    const client = this.#clientAs(identity, faulty, signal);
    return BLINDNESS !== undefined && isController(identity)
      ? blindClient(client, BLINDNESS)
      : client;
  }

  #clientAs(identity: Identity, handler: Handler, signal?: AbortSignal): Client {
    const counting: Handler = async (request) => {
      const response = await handler(request);
      if (response.status < 300 && isNews(request)) this.writes++;
      return response;
    };
    const options = { environment: this.environment, userAgent: identity.name };
    return clientAs(counting, identity, signal === undefined ? options : { ...options, signal });
  }

  async #watchLeases(): Promise<void> {
    await this.store.watch(ELECTION_LEASES, await this.store.revision(), {
      onEvents: (events) => {
        for (const { value } of events)
          this.#plane.sawLease(JSON.parse(Buffer.from(value).toString()) as Lease);
      },
      onEnd: () => {},
    });
  }

  #createApiServer(): ApiServer {
    return createApiServer({
      ...testServerOptions(SIGNING_KEY),
      onParsed: deepFreeze,
      environment: this.environment,
      store: this.store,
      advertise: { address: '192.168.0.100', port: 6443 },
      clientCa: '',
      kubelets: {
        to: () => () => Promise.reject(new Error('Cannot reach kubelet: nodes are simulated')),
      },
      ...this.#options.apiServer,
    });
  }
}

/** All controllers, as an all-in-one cluster runs them. */
function defaultControllers({ bindsVolumes, csi, apiServer }: TestClusterOptions): Controller[] {
  const { featureGates: gates = new FeatureGates(), runtimeConfig } = apiServer ?? {};
  const kinds = chosenKinds(gates, runtimeConfig);
  const all = allControllers({
    rootCa: 'test CA',
    serviceAccountKey: SIGNING_KEY,
    nodeIpam: { clusterCidrs: ['10.244.0.0/16'] },
    namespaceGraceMs: 0,
    gates,
    serves: (type) => kinds.some((served) => isSameKind(served, type)),
  });
  const binds = bindsVolumes ?? csi !== undefined;
  return all.filter(({ name }) => binds || name !== 'persistentvolume-controller');
}

function isController({ name }: Identity): boolean {
  return /^system:(kube-controller-manager$|serviceaccount:kube-system:)/.test(name);
}
