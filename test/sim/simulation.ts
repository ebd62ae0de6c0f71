/**
 * One simulated world: a seed decides what users do, what breaks, and when. What each workload was
 * promised is in its cast (`stage.ts`); at the end all has converged, what was acknowledged is there,
 * a watch behind a bad line saw every change in order, and nobody writes any more.
 */
import { NODE } from '#api/core/node.ts';
import { POD } from '#api/core/pod.ts';
import { TestCluster } from '#kit/cluster.ts';
import { SimulatedCsiDriver } from '#kit/csi/driver.ts';
import { type Faults, NO_FAULTS } from '#kit/faults.ts';
import { SeededRandom } from '#base/virtual/seeded-random.ts';
import { BadLine } from './bad-line.ts';
import { CASTS } from './casts.ts';
import { Mishaps } from './mishaps.ts';
import { drawShape, lagOf, type Shape, zoneOf } from './shape.ts';
import { actOnce, type Cast, type Disturbance, type Stage, type StoreChange } from './stage.ts';
import { watchStore } from './store-watch.ts';

export interface SimulationOptions {
  readonly seed: number;
  readonly episodes?: number;
  /** How many nodes there are at first; the seed decides unless given. */
  readonly nodes?: number;
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
const LOST_ANSWERS = 0.05;
/**
 * When nothing breaks any more a request still takes time: where it took none, two controllers could
 * go on for ever about something before a third hears of it.
 */
const CALM: Faults = { ...NO_FAULTS, latencyMsMax: 5 };
/**
 * Long enough for a dead node's Pods to be given up (50 s), evicted (300 s) and replaced; and for its
 * volumes to be taken from it (360 s).
 */
const RECOVERY_MS = 420_000;
/** Where no node has died: for leases to be taken over, and for back-offs. */
const SHORT_RECOVERY_MS = 120_000;
const SILENCE_MS = 120_000;
/** Pods without a place leave the scheduler's pool after five minutes, at the next look of every 30 s. */
const NEXT_TRY_MS = 340_000;
/**
 * The second: a Pod of a Namespace that goes has ended, and is not away yet. The others: a volume
 * that has not left its node yet. All are tried again.
 */
const EXPECTED =
  /injected|unexpected items still remain .* gvr: \/v1, Resource=pods|is published to|still attached to/;
/** Writes of these are no news. */
const UNTRACED = new Set(['events', 'leases', 'nodes', 'serviceaccounts', 'configmaps']);

/** Runs the world of `seed`; rejects with what was broken. */
export async function simulate(options: SimulationOptions): Promise<void> {
  const random = new SeededRandom(options.seed);
  const shape = drawShape(random, options.nodes);
  const violations: string[] = [];
  const cluster = await TestCluster.start({
    seed: options.seed,
    nodes: shape.nodes,
    nodeLeaseDurationSeconds: shape.nodeLeaseDurationSeconds,
    delays: shape.delays,
    candidates: shape.candidates,
    nodeLabels: zoneOf,
    csi: new SimulatedCsiDriver(),
    onStaleWrite: (text) => violations.push(text),
  });
  await new Simulation(options, { cluster, random, shape, violations }).run();
}

interface Parts {
  readonly cluster: TestCluster;
  readonly random: SeededRandom;
  readonly shape: Shape;
  readonly violations: string[];
}

class Simulation implements Stage {
  readonly cluster: TestCluster;
  readonly random: SeededRandom;
  readonly lagMs: number;
  readonly #options: SimulationOptions;
  readonly #casts: readonly Cast[];
  readonly #mishaps: Mishaps;
  readonly #faults: Faults;
  readonly #violations: string[];
  readonly #stopping = new AbortController();
  #areNodesWhole = true;
  /** Until then the clock says less than it said before. */
  #clockIsBackUntilMs = 0;

  constructor(options: SimulationOptions, { cluster, random, shape, violations }: Parts) {
    this.#options = options;
    this.cluster = cluster;
    this.random = random;
    this.#violations = violations;
    this.lagMs = lagOf(shape.faults);
    this.#faults =
      options.lossy === true ? { ...shape.faults, lostAnswerRatio: LOST_ANSWERS } : shape.faults;
    this.#mishaps = new Mishaps(this, { hasCandidates: shape.candidates > 0 });
    const names = options.casts ?? chosenCasts(random);
    this.#casts = CASTS.filter(({ name }) => names.includes(name)).map(({ make }) => make(this));
  }

  readonly say = (text: string): void => {
    this.#options.tell?.(`${this.#now} ms  ${text}`);
  };

  readonly violated = (text: string): void => {
    this.#violations.push(`at ${this.#now} ms: ${text}`);
  };

  readonly disturb = (by: Disturbance): void => {
    for (const cast of this.#casts) cast.disturb(by);
  };

  get isUndisturbed(): boolean {
    const { elapsedMs } = this.cluster.environment;
    return this.#areNodesWhole && elapsedMs >= this.#clockIsBackUntilMs;
  }
  set isUndisturbed(areNodesWhole: boolean) {
    this.#areNodesWhole = areNodesWhole;
  }

  readonly setClockBack = (ms: number): void => {
    const { environment } = this.cluster;
    environment.setWallClock(-ms);
    this.#clockIsBackUntilMs = Math.max(this.#clockIsBackUntilMs, environment.elapsedMs) + ms;
    this.disturb('loss');
  };

  get #now(): number {
    return Math.round(this.cluster.environment.elapsedMs);
  }

  async run(): Promise<void> {
    const { episodes = EPISODES } = this.#options;
    await watchStore(this.cluster.store, {
      onChange: (change) => this.#saw(change),
      violated: this.violated,
    });
    const line = await BadLine.open(this, this.#stopping.signal);
    for (const cast of this.#casts) await cast.open();
    await this.cluster.settle();
    this.cluster.faults = this.#faults;
    for (let i = 0; i < episodes; i++) await this.#episode(line);
    await this.#recover();
    await this.#judge(() => this.#checkEnd(line));
    this.#stopping.abort();
    await this.cluster.stop();
  }

  async #episode(line: BadLine): Promise<void> {
    const cast = this.random.pick(this.#casts);
    await actOnce(this.random, [...cast.actions, ...this.#mishaps.actions]);
    await line.count();
    await this.cluster.advance(this.random.below(this.random.chance(0.4) ? 1_500 : 25_000));
    this.#complain();
  }

  #saw(change: StoreChange): void {
    const { trace } = this.#options;
    if (trace !== undefined && !UNTRACED.has(change.resource)) {
      const { type, resource, key, object } = change;
      const { deletionTimestamp, finalizers, uid } = object.metadata ?? {};
      const shown = JSON.stringify({ ...object, metadata: { deletionTimestamp, finalizers, uid } });
      trace(`${this.#now} ms  ${type} ${resource} ${key} ${shown}`);
    }
    for (const cast of this.#casts) cast.saw(change);
  }

  #complain(): void {
    const [first] = this.#violations;
    if (first !== undefined && this.#options.lossy !== true)
      throw new Error(`seed ${this.#options.seed}: ${first}`);
  }

  async #recover(): Promise<void> {
    this.say('faults end');
    this.cluster.faults = CALM;
    await this.#mishaps.rest();
    for (const cast of this.#casts) await cast.rest?.();
    const recoveryMs = this.isUndisturbed ? SHORT_RECOVERY_MS : RECOVERY_MS;
    await this.cluster.advance(recoveryMs);
    // Pods that were being deleted on a dead node stay until somebody says that it is gone.
    const alive = this.cluster.nodeNames;
    for (const node of await this.cluster.list(NODE)) {
      if (!alive.includes(node.metadata?.name ?? '')) await this.cluster.delete(NODE, node);
    }
    await this.cluster.advance(recoveryMs);
    await this.#judge(async () => {
      for (const cast of this.#casts) await cast.waitForLast?.();
    });
    // Pods without a place are tried again, and told so in the words of the world as it is now.
    const pods = await this.cluster.list(POD);
    if (pods.some(({ spec }) => spec?.nodeName === undefined))
      await this.cluster.advance(NEXT_TRY_MS);
    await this.cluster.settle();
    this.#complain();
  }

  async #checkEnd(line: BadLine): Promise<void> {
    const pods = await this.cluster.list(POD, 'default');
    const needed = new Set<string>();
    for (const cast of this.#casts)
      for (const pod of await cast.checkEnd(pods)) needed.add(pod.metadata?.name ?? '');
    const lost = pods.find(({ metadata }) => !needed.has(metadata?.name ?? ''));
    if (lost !== undefined) throw new Error(`nobody needs Pod ${lost.metadata?.name}`);
    await line.checkEnd(pods);
    await this.#checkSilence();
    this.#checkWarnings();
  }

  /** What is wrong is told with the seed that shows it. */
  async #judge(look: () => Promise<void>): Promise<void> {
    try {
      await look();
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

  /**
   * What the bad line did is expected, and that storage keeps what a node has; anything
   * else that is worth a warning is not.
   */
  #checkWarnings(): void {
    const failure = this.cluster.environment
      .lines('warn')
      .find(
        ({ values }) =>
          values['controller'] !== undefined && !EXPECTED.test(String(values['error'])),
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
