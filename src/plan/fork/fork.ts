/**
 * A fork of a cluster: its objects in an API server of our own, with all controllers, the scheduler
 * and a simulated kubelet for each node that works, in virtual time. What happens here happens to
 * nobody.
 */
import { generateKeyPairSync } from 'node:crypto';
import { importObjects } from '#apiserver/import.ts';
import { type ApiServer, createApiServer } from '#apiserver/server.ts';
import { NODE } from '#api/core/node.ts';
import type { FeatureGates } from '#api/features/feature-gates.ts';
import type { Node } from '#api/gen/core-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import type { Handler, HttpRequest } from '#base/http/message.ts';
import type { VirtualEnvironment } from '#base/virtual/environment.ts';
import { settle } from '#base/virtual/settle.ts';
import type { Client } from '#client/client.ts';
import { isNews } from '#client/heartbeats.ts';
import {
  clientAs,
  type Identity,
  nodeIdentity,
  serviceAccountIdentity,
} from '#client/in-process.ts';
import { InformerFactory } from '#client/informer-factory.ts';
import { allControllers } from '#controllers/index.ts';
import { SimulatedNode } from '#kubelet/simulated/simulated-node.ts';
import { Manager } from '#reconcile/manager.ts';
import { schedulerRecorders } from '#scheduler/recorder.ts';
import { Scheduler } from '#scheduler/scheduler.ts';
import { MemoryStore } from '#store/memory.ts';
import type { PodTimes } from './pod-times.ts';
import { serverChoices } from './server-choices.ts';
import { componentOf, THE_CHANGE, type Writers } from './writers.ts';
import type { WriteLog } from './write-log.ts';

export interface ForkOptions {
  readonly environment: VirtualEnvironment;
  readonly objects: readonly KubeObject[];
  /** Kinds of which nothing, or not all, is there. */
  readonly unread: ReadonlySet<string>;
  readonly gates: FeatureGates;
  readonly times: PodTimes;
  readonly writes: WriteLog;
  readonly writers: Writers;
}

const ADMIN: Identity = { name: 'kubernetes-admin', groups: ['system:masters'] };
const MANAGER: Identity = { name: 'system:kube-controller-manager', groups: [] };
const SCHEDULER: Identity = { name: 'system:kube-scheduler', groups: [] };

/** Controllers whose delayed work is part of what a change does: rollouts, deadlines, evictions. */
const AWAITED = new Set([
  'deployment-controller',
  'replicaset-controller',
  'replicationcontroller-controller',
  'statefulset-controller',
  'daemonset-controller',
  'job-controller',
  'taint-eviction-controller',
  'namespace-controller',
]);

/** Beyond so many writes something goes round in circles. */
const WRITES_MAX = 500_000;

export interface RestOptions {
  readonly quietMs: number;
  /** Work that is put off for longer than this is not waited for. */
  readonly horizonMs: number;
  readonly limitMs: number;
}

export class Fork {
  readonly environment: VirtualEnvironment;
  /** Speaks as a member of system:masters: reads, and prepares the change. */
  readonly client: Client;
  readonly #options: ForkOptions;
  readonly #server: ApiServer;
  readonly #stopping = new AbortController();
  readonly #nodes = new Map<string, SimulatedNode>();
  readonly #manager: Manager;
  #news = 0;
  #lastNewsMs = 0;

  private constructor(options: ForkOptions, store: MemoryStore) {
    this.environment = options.environment;
    this.#options = options;
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#server = createApiServer({
      ...serverChoices(options.objects, options.unread),
      environment: options.environment,
      store,
      serviceAccountKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      featureGates: options.gates,
    });
    this.client = this.#clientOf(ADMIN, { who: THE_CHANGE });
    this.#manager = this.#createManager();
  }

  /** Resolves when the server answers; nothing else is there yet. */
  static async open(options: ForkOptions): Promise<Fork> {
    const store = new MemoryStore(options.environment);
    await importObjects(store, options.objects, options.gates);
    const fork = new Fork(options, store);
    await options.environment.resolve(fork.#server.start());
    return fork;
  }

  /** Starts controllers, scheduler and kubelets. Resolves when all of them know what is there. */
  async begin(): Promise<void> {
    const { signal } = this.#stopping;
    this.#startNodes();
    this.#manager.start(signal);
    await this.run(this.#startScheduler(signal));
    await this.run(this.#manager.synced());
  }

  /** Who makes the change; as the administrator where nobody knows who that is. */
  changerOf(identity: Identity = ADMIN): Client {
    return this.#clientOf(identity, { userAgent: 'kubectl', who: THE_CHANGE });
  }

  #clientOf(
    identity: Identity,
    { userAgent = identity.name, who = componentOf(identity.name) } = {},
  ): Client {
    const counting: Handler = async (request) => {
      const response = await this.#server.handler(request);
      if (response.status < 300) this.#note(request, { status: response.status, who });
      return response;
    };
    const { environment } = this;
    return clientAs(counting, identity, { environment, userAgent, signal: this.#stopping.signal });
  }

  #note(request: HttpRequest, { status, who }: { status: number; who: string }): void {
    const { writes, writers } = this.#options;
    const news = isNews(request);
    if (!news && !isNodeChange(request)) return;
    writes.note(request, status);
    writers.note(request, who, this.environment.elapsedMs);
    if (!news) return;
    this.#news++;
    this.#lastNewsMs = this.environment.elapsedMs;
  }

  /** When something was last written, by the environment's `elapsedMs`. */
  get lastNewsMs(): number {
    return this.#lastNewsMs;
  }

  /** Awaits, moving virtual time as needed. */
  run<T>(promise: Promise<T>): Promise<T> {
    return this.environment.resolve(promise);
  }

  /** What keeps the fork moving when the limit is reached, in words; empty when it has come to rest. */
  async rest({ quietMs, horizonMs, limitMs }: RestOptions): Promise<readonly string[]> {
    const { environment } = this;
    const rests = await settle({
      environment,
      activity: () => this.#news,
      isIdle: () => this.#waiting(horizonMs).length === 0,
      quietMs,
      limitMs,
      activityMax: WRITES_MAX,
    });
    if (rests) return [];
    const moving = this.#options.writers.since(environment.elapsedMs - quietMs);
    return [...moving, ...this.#waiting(horizonMs)];
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.run(this.#manager.stopped());
    await this.run(this.#server.stop());
  }

  /** Who has something to do within the horizon. */
  #waiting(horizonMs: number): string[] {
    const controllers = this.#manager
      .states()
      .flatMap(({ name, synced, busy, held, nextDelayMs }) => {
        if (!synced || busy + held > 0 || nextDelayMs === 0) return [`${name} is at work`];
        const isDue = nextDelayMs !== undefined && nextDelayMs <= horizonMs;
        if (!AWAITED.has(name) || !isDue) return [];
        return [`${name} has work in ${Math.ceil(nextDelayMs / 1000)}s`];
      });
    const nodes = [...this.#nodes].filter(([, { busyPods }]) => busyPods > 0);
    return [...controllers, ...nodes.map(([name]) => `pods start, run or stop on ${name}`)];
  }

  #createManager(): Manager {
    const { environment } = this;
    return new Manager({
      controllers: allControllers({ namespaceGraceMs: 0 }),
      informers: new InformerFactory({ client: this.#clientOf(MANAGER), environment }),
      environment,
      clientFor: (name) =>
        this.#clientOf(name === null ? MANAGER : serviceAccountIdentity('kube-system', name)),
    });
  }

  async #startScheduler(signal: AbortSignal): Promise<void> {
    const client = this.#clientOf(SCHEDULER);
    const { environment } = this;
    const scheduler = new Scheduler({
      environment,
      client,
      informers: new InformerFactory({ client, environment }),
      eventsOf: schedulerRecorders({ client, environment, signal }),
    });
    await scheduler.start(signal);
  }

  #startNodes(): void {
    const { environment } = this;
    const { objects, times } = this.#options;
    const found = new Set(objects.map(({ metadata }) => metadata?.uid));
    for (const object of objects) {
      if (object.kind !== NODE.kind || object.apiVersion !== NODE.version) continue;
      const live: Node = object;
      const name = live.metadata?.name ?? '';
      if (!hasKubelet(live)) continue;
      const node = new SimulatedNode({
        name,
        client: this.#clientOf(nodeIdentity(name)),
        environment,
        standsInFor: live,
        delaysOf: (pod) => times.delaysOf(pod),
        leaves: (pod) =>
          found.has(pod.metadata?.uid) && times.isAsItWillBe(pod, environment.clock.now()),
      });
      this.#nodes.set(name, node);
      node.run(this.#stopping.signal).catch((error: unknown) => {
        environment.log.error('simulated node failed', { node: name, error: String(error) });
      });
    }
  }
}

/** Nodes tell of themselves for ever; this is what others say of them. */
function isNodeChange({ method, url }: HttpRequest): boolean {
  return method !== 'GET' && /^\/api\/v1\/nodes\/[^/]+(\?|$)/.test(url);
}

/** Of a node that is not heard of any more nothing comes here either. */
function hasKubelet({ status }: Node): boolean {
  return status?.conditions?.find(({ type }) => type === 'Ready')?.status !== 'Unknown';
}
