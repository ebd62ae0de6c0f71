/**
 * One simulated world: a seed decides what users do, what breaks, and when; the watchdog and the
 * checks at the end say whether the cluster kept its promises.
 *
 *   while it runs   never more Pods than replicas + maxSurge; in a rollout that nothing disturbs
 *                   never fewer ready ones than replicas - maxUnavailable
 *   at the end      all converged; what was acknowledged is there; a watch behind a bad line saw
 *                   every change in order; and nobody writes any more
 */
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import { REPLICA_SET } from '#api/apps/replica-set.ts';
import { CONFIG_MAP } from '#api/core/config-map.ts';
import { NODE } from '#api/core/node.ts';
import { POD } from '#api/core/pod.ts';
import { isPodActive, isPodReady } from '#api/core/pod-helpers.ts';
import { SERVICE } from '#api/core/service.ts';
import { ENDPOINT_SLICE } from '#api/discovery/endpoint-slice.ts';
import type { Deployment } from '#api/gen/apps-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { isConflict } from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';
import { Informer, keyOf } from '#client/informer.ts';
import { deployment, service } from '#kit/builders.ts';
import { TestCluster } from '#kit/cluster.ts';
import { type Faults, NO_FAULTS } from '#kit/faults.ts';
import { SeededRandom } from '#kit/virtual-environment.ts';
import { Watchdog } from './watchdog.ts';

export interface SimulationOptions {
  readonly seed: number;
  readonly episodes?: number;
  /**
   * Answers of writes are lost too. A controller that does not know whether it created a Pod may
   * create one more: then only the end is judged.
   */
  readonly lossy?: boolean;
  /** Called with each thing that happens. */
  readonly tell?: (text: string) => void;
  /** Called with each change of a Deployment, ReplicaSet or Pod, in the order of the store. */
  readonly trace?: (text: string) => void;
}

const EPISODES = 8;
const FAULTS: Faults = {
  latencyMsMax: 20,
  writeFailureRatio: 0.05,
  lostAnswerRatio: 0,
  watchDelayMsMax: 300,
  watchBreakRatio: 0.01,
};
/** Long enough for a dead node's Pods to be given up (50 s), evicted (300 s) and replaced. */
const RECOVERY_MS = 420_000;
const SILENCE_MS = 120_000;

/** Runs the world of `seed`; rejects with what was broken. */
export async function simulate(options: SimulationOptions): Promise<void> {
  const simulation = new Simulation(options);
  await simulation.run();
}

class Simulation {
  readonly #seed: number;
  readonly #episodes: number;
  readonly #lossy: boolean;
  readonly #tell: (text: string) => void;
  readonly #trace: ((text: string) => void) | undefined;
  readonly #random: SeededRandom;
  readonly #stopping = new AbortController();
  readonly #images = new Map<string, number>();
  #acknowledged = 0;
  /** No node has died: its Pods would be lost at a time that nobody knows. */
  #undisturbed = true;
  #cluster!: TestCluster;
  #watchdog!: Watchdog;
  #lagging!: Informer<Pod>;
  readonly #seen: string[] = [];

  constructor({
    seed,
    episodes = EPISODES,
    lossy = false,
    tell = () => {},
    trace,
  }: SimulationOptions) {
    this.#lossy = lossy;
    this.#trace =
      trace === undefined
        ? undefined
        : (text) => trace(`${Math.round(this.#cluster.environment.elapsedMs)} ms  ${text}`);
    this.#seed = seed;
    this.#episodes = episodes;
    this.#tell = tell;
    this.#random = new SeededRandom(seed);
  }

  async run(): Promise<void> {
    const nodes = 2 + this.#random.below(3);
    const delays = {
      startMs: this.#random.below(800),
      readyMs: this.#random.below(1_500),
      stopMs: this.#random.below(2_000),
    };
    this.#cluster = await TestCluster.start({ seed: this.#seed, nodes, delays });
    this.#watchdog = new Watchdog(this.#cluster, this.#trace);
    await this.#watchdog.start();
    this.#lagging = this.#startLaggingInformer();
    await this.#cluster.create(CONFIG_MAP, {
      metadata: { name: 'counter', namespace: 'default' },
      data: { value: '0' },
    });
    await this.#createService();
    await this.#deploy('web');
    if (this.#random.chance(0.5)) await this.#deploy('api');
    await this.#cluster.settle();
    this.#cluster.faults = this.#lossy ? { ...FAULTS, lostAnswerRatio: 0.05 } : FAULTS;
    for (let i = 0; i < this.#episodes; i++) await this.#episode();
    await this.#recover();
    await this.#checkEnd();
    this.#stopping.abort();
    await this.#cluster.stop();
  }

  // What happens.

  async #episode(): Promise<void> {
    const actions: readonly (readonly [weight: number, action: () => Promise<void>])[] = [
      [5, () => this.#roll()],
      [3, () => this.#scale()],
      [2, () => this.#deletePod()],
      [2, () => this.#restartComponents()],
      [1, () => this.#restartApiServer()],
      [1, () => this.#killNode()],
      [1, () => this.#startNode()],
      [1, () => this.#deleteDeployment()],
    ];
    let draw = this.#random.below(actions.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, action] of actions) {
      draw -= weight;
      if (draw >= 0) continue;
      await action();
      break;
    }
    await this.#count();
    await this.#cluster.advance(this.#random.below(this.#random.chance(0.4) ? 1_500 : 25_000));
    this.#complain();
  }

  #say(text: string): void {
    this.#tell(`${Math.round(this.#cluster.environment.elapsedMs)} ms  ${text}`);
  }

  async #deploy(name: string): Promise<void> {
    const [surge, unavailable] = this.#random.pick([
      ['25%', '25%'],
      ['1', '0'],
      ['0', '1'],
      ['2', '2'],
      ['100%', '0'],
      ['0', '50%'],
    ] as const);
    const replicas = this.#random.below(8);
    const strategy = this.#random.chance(0.1)
      ? 'recreate'
      : `surge=${surge} unavailable=${unavailable}`;
    const made = deployment(`replicas=${replicas} image=v1 history=2 ${strategy}`);
    const labels = { app: name };
    const { spec } = made;
    this.#images.set(name, 1);
    this.#say(`create ${name} replicas=${replicas} ${strategy}`);
    await this.#cluster.create(DEPLOYMENT, {
      metadata: { name, namespace: 'default' },
      spec: {
        ...spec,
        minReadySeconds: this.#random.pick([0, 0, 2]),
        selector: { matchLabels: labels },
        template: { ...spec?.template, metadata: { labels } },
      },
    });
  }

  async #createService(): Promise<void> {
    const { spec } = service({ ports: [{ port: 80, targetPort: 8080 }] });
    const { clusterIP: _, ipFamilies: __, ...free } = spec ?? {};
    await this.#cluster.create(SERVICE, {
      metadata: { name: 'web', namespace: 'default' },
      spec: free,
    });
  }

  async #some(): Promise<Deployment | undefined> {
    const all = (await this.#cluster.list(DEPLOYMENT, 'default')).filter(
      ({ metadata }) => metadata?.deletionTimestamp === undefined,
    );
    return all.length === 0 ? undefined : this.#random.pick(all);
  }

  /** A new template, or back to an old one. */
  async #roll(): Promise<void> {
    const subject = await this.#some();
    if (subject === undefined) return;
    const name = subject.metadata?.name ?? '';
    const last = (this.#images.get(name) ?? 1) + 1;
    const image = this.#random.chance(0.25) ? 1 + this.#random.below(last - 1) : last;
    this.#images.set(name, Math.max(image, last - 1));
    if (this.#undisturbed && subject.spec?.strategy?.type === 'RollingUpdate')
      this.#watchdog.guard(subject);
    this.#say(`roll ${name} to v${image}`);
    const containers = [{ name: 'main', image: `v${image}` }];
    await this.#cluster.patch(DEPLOYMENT, subject, {
      spec: { template: { spec: { containers } } },
    });
  }

  async #scale(): Promise<void> {
    const subject = await this.#some();
    if (subject === undefined) return;
    const replicas = this.#random.below(9);
    this.#watchdog.release(keyOf(subject));
    this.#say(`scale ${subject.metadata?.name} to ${replicas}`);
    await this.#cluster.patch(DEPLOYMENT, subject, { spec: { replicas } });
  }

  async #deletePod(): Promise<void> {
    const pods = await this.#cluster.list(POD, 'default');
    if (pods.length === 0) return;
    const victim = this.#random.pick(pods);
    this.#watchdog.release();
    this.#say(`delete pod ${victim.metadata?.name}`);
    await this.#cluster.delete(POD, victim);
  }

  async #deleteDeployment(): Promise<void> {
    const subject = await this.#some();
    if (subject === undefined) return;
    const name = subject.metadata?.name ?? '';
    const propagationPolicy = this.#random.pick(['Background', 'Foreground'] as const);
    this.#watchdog.release(keyOf(subject));
    this.#say(`delete ${name} (${propagationPolicy})`);
    await this.#cluster.delete(DEPLOYMENT, subject, { propagationPolicy });
  }

  async #restartComponents(): Promise<void> {
    this.#say('restart controllers and scheduler');
    await this.#cluster.startComponents();
  }

  async #restartApiServer(): Promise<void> {
    this.#say('restart API server');
    await this.#cluster.restartApiServer();
  }

  async #killNode(): Promise<void> {
    const names = this.#cluster.nodeNames;
    if (names.length < 2) return;
    const name = this.#random.pick(names);
    this.#watchdog.release();
    this.#undisturbed = false;
    this.#say(`kill ${name}`);
    this.#cluster.killNode(name);
    // Half of the time it is known to be gone for good.
    if (this.#random.chance(0.5)) await this.#cluster.delete(NODE, { metadata: { name } });
  }

  #startNode(): Promise<void> {
    const name = `node-${10 + this.#random.below(20)}`;
    if (!this.#cluster.nodeNames.includes(name)) {
      this.#say(`start ${name}`);
      this.#cluster.startNode(name);
    }
    return Promise.resolve();
  }

  /** Adds one to a counter over the bad line, answers lost included. */
  async #count(): Promise<void> {
    const lossy = this.#lossyClient();
    for (let tries = 0; tries < 3; tries++) {
      try {
        const next = await this.#cluster.run(increment(lossy));
        this.#acknowledged = Math.max(this.#acknowledged, next);
        return;
      } catch (error) {
        if (!isConflict(error) && !/injected/.test(String(error))) throw error;
      }
    }
  }

  #lossyClient(): Client {
    const admin = { name: 'kubernetes-admin', groups: ['system:masters'] };
    return this.#cluster.clientOf(admin, undefined, {
      ...this.#cluster.faults,
      lostAnswerRatio: 0.2,
    });
  }

  #startLaggingInformer(): Informer<Pod> {
    const client = this.#cluster.clientOf({ name: 'kubernetes-admin', groups: ['system:masters'] });
    const informer = new Informer<Pod>({
      client,
      environment: this.#cluster.environment,
      type: POD,
    });
    const revisions = new Map<string, number>();
    informer.onChange(({ type, key, object }) => {
      const revision = Number(object.metadata?.resourceVersion);
      const last = revisions.get(key) ?? 0;
      if (revision < last) this.#seen.push(`${key}: ${type} at ${revision} after ${last}`);
      revisions.set(key, revision);
    });
    informer.start(this.#stopping.signal);
    return informer;
  }

  // What must hold.

  #complain(): void {
    const [first] = this.#watchdog.violations;
    if (first !== undefined && !this.#lossy) throw new Error(`seed ${this.#seed}: ${first}`);
  }

  async #recover(): Promise<void> {
    this.#say('faults end');
    this.#cluster.faults = NO_FAULTS;
    await this.#cluster.advance(RECOVERY_MS);
    // Pods that were being deleted on a dead node stay until somebody says that it is gone.
    const alive = this.#cluster.nodeNames;
    for (const node of await this.#cluster.list(NODE)) {
      if (!alive.includes(node.metadata?.name ?? '')) await this.#cluster.delete(NODE, node);
    }
    await this.#cluster.advance(RECOVERY_MS / 4);
    await this.#cluster.settle();
    this.#complain();
  }

  async #checkEnd(): Promise<void> {
    const pods = await this.#cluster.list(POD, 'default');
    await this.#checkDeployments(pods);
    await this.#checkEndpoints(pods);
    await this.#checkCounter();
    this.#checkWatch(pods);
    await this.#checkSilence();
    // What the bad line did is expected; anything else that is worth a warning is not.
    const failure = this.#cluster.environment
      .lines('warn')
      .find(
        ({ values }) =>
          values['controller'] !== undefined && !/injected/.test(String(values['error'])),
      );
    if (failure !== undefined)
      this.#broken(`${failure.level}: ${failure.message} ${JSON.stringify(failure.values)}`);
  }

  async #checkDeployments(pods: readonly Pod[]): Promise<void> {
    const deployments = await this.#cluster.list(DEPLOYMENT, 'default');
    const sets = await this.#cluster.list(REPLICA_SET, 'default');
    let expected = 0;
    for (const { metadata, spec, status } of deployments) {
      const replicas = spec?.replicas ?? 0;
      expected += replicas;
      const image = spec?.template.spec?.containers[0]?.image;
      const mine = pods.filter(
        (pod) => pod.metadata?.labels?.['app'] === metadata?.name && isPodActive(pod),
      );
      const good = mine.filter(
        (pod) => isPodReady(pod) && pod.spec?.containers[0]?.image === image,
      );
      if (good.length !== replicas)
        this.#broken(`${metadata?.name} has ${good.length} good Pods of ${replicas}`);
      if ((status?.availableReplicas ?? 0) !== replicas)
        this.#broken(`${metadata?.name} reports ${status?.availableReplicas}`);
      const old = sets.filter(
        ({ metadata: of }) => of?.ownerReferences?.[0]?.uid === metadata?.uid,
      );
      if (old.length > 3) this.#broken(`${metadata?.name} keeps ${old.length} ReplicaSets`);
    }
    if (pods.length !== expected) this.#broken(`there are ${pods.length} Pods, not ${expected}`);
    const uids = new Set(deployments.map(({ metadata }) => metadata?.uid));
    const lost = sets.find(({ metadata }) => !uids.has(metadata?.ownerReferences?.[0]?.uid));
    if (lost !== undefined) this.#broken(`ReplicaSet ${lost.metadata?.name} has lost its owner`);
  }

  async #checkEndpoints(pods: readonly Pod[]): Promise<void> {
    const slices = await this.#cluster.list(ENDPOINT_SLICE, 'default');
    const named = slices
      .filter(({ metadata }) => metadata?.labels?.['kubernetes.io/service-name'] === 'web')
      .flatMap(({ endpoints }) => endpoints ?? [])
      .map(({ targetRef }) => targetRef?.name ?? '');
    const web = pods
      .filter((pod) => pod.metadata?.labels?.['app'] === 'web')
      .map(({ metadata }) => metadata?.name ?? '');
    if (named.toSorted().join() !== web.toSorted().join())
      this.#broken(`endpoints are ${named.join()}, Pods ${web.join()}`);
  }

  async #checkCounter(): Promise<void> {
    const { data } = await this.#cluster.get(CONFIG_MAP, 'counter', 'default');
    const value = Number(data?.['value']);
    if (value < this.#acknowledged)
      this.#broken(`the counter is ${value}, ${this.#acknowledged} was acknowledged`);
  }

  #checkWatch(pods: readonly Pod[]): void {
    const [disorder] = this.#seen;
    if (disorder !== undefined) this.#broken(`watch out of order: ${disorder}`);
    const state = (all: readonly Pod[]): string =>
      all
        .map((pod) => `${keyOf(pod)}@${pod.metadata?.resourceVersion}`)
        .toSorted()
        .join();
    if (state(this.#lagging.list('default')) !== state(pods))
      this.#broken('a watch behind a bad line missed changes');
  }

  async #checkSilence(): Promise<void> {
    const { writes } = this.#cluster;
    await this.#cluster.advance(SILENCE_MS);
    if (this.#cluster.writes !== writes)
      this.#broken(`settled, but ${this.#cluster.writes - writes} more writes`);
  }

  #broken(text: string): never {
    throw new Error(`seed ${this.#seed}: at the end: ${text}`);
  }
}

async function increment(client: Client): Promise<number> {
  const current = await client.get(CONFIG_MAP, 'counter', 'default');
  const next = Number(current.data?.['value'] ?? 0) + 1;
  await client.update(CONFIG_MAP, { ...current, data: { value: String(next) } });
  return next;
}
