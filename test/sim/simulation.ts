/**
 * One simulated world: a seed decides what users do, what breaks, and when. What each workload was
 * promised is in its cast (`stage.ts`); at the end all has converged, what was acknowledged is there,
 * a watch behind a bad line saw every change in order, and nobody writes any more.
 */
import { NODE } from '#api/core/node.ts';
import { POD } from '#api/core/pod.ts';
import { TestCluster } from '#kit/cluster.ts';
import { type Faults, NO_FAULTS } from '#kit/faults.ts';
import { SeededRandom } from '#kit/virtual-environment.ts';
import { BadLine } from './bad-line.ts';
import { CASTS } from './casts.ts';
import { actOnce, type Cast, type Stage, type StoreChange } from './stage.ts';
import { watchStore } from './store-watch.ts';

export interface SimulationOptions {
  readonly seed: number;
  readonly episodes?: number;
  /** Which casts take part; the seed decides unless given. */
  readonly casts?: readonly string[];
  /**
   * Answers of writes are lost too. A controller that does not know whether it created a Pod may
   * create one more: then only the end is judged.
   */
  readonly lossy?: boolean;
  /** Called with each thing that happens. */
  readonly tell?: (text: string) => void;
  /** Called with each change of a workload or Pod, in the order of the store. */
  readonly trace?: (text: string) => void;
}

const EPISODES = 8;
const FAULTS: Faults = {
  ...NO_FAULTS,
  latencyMsMax: 20,
  writeFailureRatio: 0.05,
  lostAnswerRatio: 0,
  watchDelayMsMax: 300,
  watchBreakRatio: 0.01,
};
const LOST_ANSWERS = 0.05;
/**
 * When nothing breaks any more a request still takes time: where it took none, two controllers could
 * go on for ever about something before a third hears of it.
 */
const CALM: Faults = { ...NO_FAULTS, latencyMsMax: 5 };
/** Long enough for a dead node's Pods to be given up (50 s), evicted (300 s) and replaced. */
const RECOVERY_MS = 420_000;
const SILENCE_MS = 120_000;
/** Writes of these are no news. */
const UNTRACED = new Set(['events', 'leases', 'nodes', 'serviceaccounts', 'configmaps']);

/** Runs the world of `seed`; rejects with what was broken. */
export async function simulate(options: SimulationOptions): Promise<void> {
  const random = new SeededRandom(options.seed);
  const delays = {
    startMs: random.below(800),
    readyMs: random.below(1_500),
    stopMs: random.below(2_000),
  };
  const nodes = 2 + random.below(3);
  const cluster = await TestCluster.start({ seed: options.seed, nodes, delays });
  await new Simulation(options, cluster, random).run();
}

class Simulation implements Stage {
  readonly cluster: TestCluster;
  readonly random: SeededRandom;
  isUndisturbed = true;
  readonly #options: SimulationOptions;
  readonly #casts: readonly Cast[];
  readonly #violations: string[] = [];
  readonly #stopping = new AbortController();

  constructor(options: SimulationOptions, cluster: TestCluster, random: SeededRandom) {
    this.#options = options;
    this.cluster = cluster;
    this.random = random;
    const names = options.casts ?? chosenCasts(random);
    this.#casts = CASTS.filter(({ name }) => names.includes(name)).map(({ make }) => make(this));
  }

  readonly say = (text: string): void => {
    this.#options.tell?.(`${this.#now} ms  ${text}`);
  };

  readonly violated = (text: string): void => {
    this.#violations.push(`at ${this.#now} ms: ${text}`);
  };

  get #now(): number {
    return Math.round(this.cluster.environment.elapsedMs);
  }

  async run(): Promise<void> {
    const { episodes = EPISODES, lossy = false } = this.#options;
    await watchStore(this.cluster.store, {
      onChange: (change) => this.#saw(change),
      violated: this.violated,
    });
    const line = await BadLine.open(this, this.#stopping.signal);
    for (const cast of this.#casts) await cast.open();
    await this.cluster.settle();
    this.cluster.faults = lossy ? { ...FAULTS, lostAnswerRatio: LOST_ANSWERS } : FAULTS;
    for (let i = 0; i < episodes; i++) await this.#episode(line);
    await this.#recover();
    await this.#checkEnd(line);
    this.#stopping.abort();
    await this.cluster.stop();
  }

  async #episode(line: BadLine): Promise<void> {
    const own = [
      [2, () => this.#deletePod()],
      [2, () => this.#restartComponents()],
      [1, () => this.#restartApiServer()],
      [1, () => this.#killNode()],
      [1, () => this.#startNode()],
    ] as const;
    const cast = this.random.pick(this.#casts);
    await actOnce(this.random, [...cast.actions, ...own]);
    await line.count();
    await this.cluster.advance(this.random.below(this.random.chance(0.4) ? 1_500 : 25_000));
    this.#complain();
  }

  #saw(change: StoreChange): void {
    const { trace } = this.#options;
    if (trace !== undefined && !UNTRACED.has(change.resource)) {
      const { type, resource, key, object } = change;
      const shown = JSON.stringify({ ...object, metadata: undefined });
      trace(`${this.#now} ms  ${type} ${resource} ${key} ${shown}`);
    }
    for (const cast of this.#casts) cast.saw(change);
  }

  #disturb(): void {
    for (const cast of this.#casts) cast.disturb();
  }

  async #deletePod(): Promise<void> {
    const pods = await this.cluster.list(POD, 'default');
    if (pods.length === 0) return;
    const victim = this.random.pick(pods);
    this.#disturb();
    this.say(`delete pod ${victim.metadata?.name}`);
    await this.cluster.delete(POD, victim);
  }

  async #restartComponents(): Promise<void> {
    this.say('restart controllers and scheduler');
    await this.cluster.startComponents();
  }

  async #restartApiServer(): Promise<void> {
    this.say('restart API server');
    await this.cluster.restartApiServer();
  }

  async #killNode(): Promise<void> {
    const names = this.cluster.nodeNames;
    if (names.length < 2) return;
    const name = this.random.pick(names);
    this.#disturb();
    this.isUndisturbed = false;
    this.say(`kill ${name}`);
    this.cluster.killNode(name);
    // Half of the time it is known to be gone for good.
    if (this.random.chance(0.5)) await this.cluster.delete(NODE, { metadata: { name } });
  }

  #startNode(): Promise<void> {
    const name = `node-${10 + this.random.below(20)}`;
    if (!this.cluster.nodeNames.includes(name)) {
      this.say(`start ${name}`);
      this.cluster.startNode(name);
    }
    return Promise.resolve();
  }

  #complain(): void {
    const [first] = this.#violations;
    if (first !== undefined && this.#options.lossy !== true)
      throw new Error(`seed ${this.#options.seed}: ${first}`);
  }

  async #recover(): Promise<void> {
    this.say('faults end');
    this.cluster.faults = CALM;
    for (const cast of this.#casts) await cast.rest?.();
    await this.cluster.advance(RECOVERY_MS);
    // Pods that were being deleted on a dead node stay until somebody says that it is gone.
    const alive = this.cluster.nodeNames;
    for (const node of await this.cluster.list(NODE)) {
      if (!alive.includes(node.metadata?.name ?? '')) await this.cluster.delete(NODE, node);
    }
    await this.cluster.advance(RECOVERY_MS / 4);
    await this.cluster.settle();
    this.#complain();
  }

  async #checkEnd(line: BadLine): Promise<void> {
    try {
      const pods = await this.cluster.list(POD, 'default');
      const needed = new Set<string>();
      for (const cast of this.#casts)
        for (const pod of await cast.checkEnd(pods)) needed.add(pod.metadata?.name ?? '');
      const lost = pods.find(({ metadata }) => !needed.has(metadata?.name ?? ''));
      if (lost !== undefined) throw new Error(`nobody needs Pod ${lost.metadata?.name}`);
      await line.checkEnd(pods);
      await this.#checkSilence();
      this.#checkWarnings();
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      throw new Error(`seed ${this.#options.seed}: at the end: ${text}`, { cause: error });
    }
  }

  async #checkSilence(): Promise<void> {
    const { writes } = this.cluster;
    await this.cluster.advance(SILENCE_MS);
    if (this.cluster.writes !== writes)
      throw new Error(`settled, but ${this.cluster.writes - writes} more writes`);
  }

  /** What the bad line did is expected; anything else that is worth a warning is not. */
  #checkWarnings(): void {
    const failure = this.cluster.environment
      .lines('warn')
      .find(
        ({ values }) =>
          values['controller'] !== undefined && !/injected/.test(String(values['error'])),
      );
    if (failure !== undefined)
      throw new Error(`${failure.level}: ${failure.message} ${JSON.stringify(failure.values)}`);
  }
}

/** One to three of them. */
function chosenCasts(random: SeededRandom): string[] {
  const left = CASTS.map(({ name }) => name);
  const chosen: string[] = [];
  const count = Math.min(1 + random.below(3), left.length);
  while (chosen.length < count) chosen.push(...left.splice(random.below(left.length), 1));
  return chosen;
}
