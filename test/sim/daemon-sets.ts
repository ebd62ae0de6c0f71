/**
 * A DaemonSet on the nodes that are not labelled against it.
 *
 *   while it runs   never two Pods on a node (with surge three), and an update that nothing disturbs
 *                   never leaves more nodes without a ready one than may be
 *   at the end      one Pod of the last template on each node that fits, and none elsewhere
 */
import { CONTROLLER_REVISION } from '#api/apps/controller-revision.ts';
import { DAEMON_SET } from '#api/apps/daemon-set.ts';
import { NODE } from '#api/core/node.ts';
import { isPodActive, isPodReady } from '#api/core/pod-helpers.ts';
import type { RollingUpdateDaemonSet } from '#api/gen/apps-v1.ts';
import type { Affinity, Pod } from '#api/gen/core-v1.ts';
import { controllerOf, type KubeObject } from '#api/meta/object.ts';
import type { Cast, Stage, StoreChange } from './stage.ts';

const NAME = 'agent';
const LABEL = 'agent';
const HISTORY = 2;
const READY_SECONDS_MAX = 2;
const ROLL_OVER_MS = 6_000;
const EMPTY_MS_MAX = 10_000;
const LABELS = { app: NAME };

const NOT_REFUSED: Affinity = {
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [
        { matchExpressions: [{ key: LABEL, operator: 'NotIn', values: ['no'] }] },
      ],
    },
  },
};

/** The node that a Pod is made for. */
function nodeOf({ spec }: Pod): string {
  const { requiredDuringSchedulingIgnoredDuringExecution: required } =
    spec?.affinity?.nodeAffinity ?? {};
  return required?.nodeSelectorTerms[0]?.matchFields?.[0]?.values?.[0] ?? '';
}

export class DaemonSets implements Cast {
  readonly actions = [
    [5, () => this.#roll()],
    [3, () => this.#rollOver()],
    [3, () => this.#label()],
    [1, () => this.#nodeWithoutKubelet()],
  ] as const;
  readonly #stage: Stage;
  readonly #pods = new Map<string, Pod>();
  readonly #fitting = new Set<string>();
  #limits: RollingUpdateDaemonSet = {};
  #image = 'v1';
  #last = 1;
  #disturbedMs = 0;
  #empty = 0;
  /** So many nodes had a ready Pod, and nothing has come since that may cost Pods but updates. */
  #promised = 0;
  #promisedMs = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  async open(): Promise<void> {
    const { cluster, random, say } = this.#stage;
    this.#limits = random.pick<RollingUpdateDaemonSet>([
      { maxUnavailable: 1, maxSurge: 0 },
      { maxUnavailable: 2, maxSurge: 0 },
      { maxUnavailable: 0, maxSurge: 1 },
      { maxUnavailable: 0, maxSurge: '100%' },
    ]);
    for (const { metadata } of await cluster.list(NODE)) this.#fitting.add(metadata?.name ?? '');
    say(`create ${NAME} ${JSON.stringify(this.#limits)}`);
    await cluster.create(DAEMON_SET, {
      metadata: { name: NAME, namespace: 'default' },
      spec: {
        minReadySeconds: random.pick([0, 0, 2]),
        revisionHistoryLimit: HISTORY,
        selector: { matchLabels: LABELS },
        updateStrategy: { type: 'RollingUpdate', rollingUpdate: this.#limits },
        template: {
          metadata: { labels: LABELS },
          spec: {
            containers: [{ name: 'main', image: 'v1' }],
            affinity: NOT_REFUSED,
            tolerations: [{ operator: 'Exists', effect: 'NoSchedule' }],
          },
        },
      },
    });
  }

  disturb(): void {
    this.#promised = 0;
    this.#disturbedMs = this.#stage.cluster.environment.elapsedMs;
  }

  saw({ resource, type, key, object }: StoreChange): void {
    if (resource === 'minions') this.#sawNode(type, object);
    if (resource !== 'pods' || object.metadata?.labels?.['app'] !== NAME) return;
    if (type === 'delete') this.#pods.delete(key);
    else this.#pods.set(key, object);
    const active = [...this.#pods.values()].filter(isPodActive);
    const byNode = Map.groupBy(active, nodeOf);
    const most = this.#limits.maxSurge === 0 ? 1 : 2;
    for (const [node, pods] of byNode)
      if (pods.length > most) this.#stage.violated(`${node} has ${pods.length} Pods of ${NAME}`);
    const serving = [...byNode.values()].filter((pods) => pods.some(isPodReady)).length;
    const isWhole = [...this.#fitting].every((node) => byNode.get(node)?.some(isPodReady) === true);
    const isUpdated = active.every(({ spec }) => spec?.containers[0]?.image === this.#image);
    if (isWhole && isUpdated && serving === this.#fitting.size) this.#promise(serving);
    const floor = this.#promised - Number(this.#limits.maxUnavailable);
    if (serving < floor)
      this.#stage.violated(`${serving} nodes have a ready Pod of ${NAME}, ${floor} should`);
  }

  #promise(serving: number): void {
    const { isUndisturbed, lagMs, cluster } = this.#stage;
    const { elapsedMs } = cluster.environment;
    if (!isUndisturbed || elapsedMs < this.#disturbedMs + lagMs || serving <= this.#promised)
      return;
    this.#promised = serving;
    this.#promisedMs = elapsedMs;
  }

  /** Other nodes than before: nothing is promised until each of them has its Pod. */
  #sawNode(type: StoreChange['type'], { metadata }: KubeObject): void {
    const name = metadata?.name ?? '';
    const fits = type === 'put' && metadata?.labels?.[LABEL] === undefined;
    if (fits === this.#fitting.has(name)) return;
    if (fits) this.#fitting.add(name);
    else this.#fitting.delete(name);
    this.#promised = 0;
  }

  async #roll(): Promise<void> {
    const { cluster, random, say } = this.#stage;
    this.#last++;
    // What is not available is replaced at once, and the controller may hear late that it is.
    const { elapsedMs } = cluster.environment;
    if (elapsedMs < this.#promisedMs + this.#stage.lagMs + READY_SECONDS_MAX * 1000)
      this.#promised = 0;
    const image = random.chance(0.25) ? 1 + random.below(this.#last) : this.#last;
    this.#image = `v${image}`;
    say(`roll ${NAME} to ${this.#image}`);
    const subject = await cluster.get(DAEMON_SET, NAME, 'default');
    const containers = [{ name: 'main', image: this.#image }];
    await cluster.patch(DAEMON_SET, subject, { spec: { template: { spec: { containers } } } });
  }

  /** Once more before the first has ended. */
  async #rollOver(): Promise<void> {
    await this.#roll();
    await this.#stage.cluster.advance(this.#stage.random.below(ROLL_OVER_MS));
    await this.#roll();
  }

  /** A node refuses the set, or takes it back. */
  async #label(): Promise<void> {
    const { cluster, random, say } = this.#stage;
    const node = random.pick(await cluster.list(NODE));
    const value = node.metadata?.labels?.[LABEL] === undefined ? 'no' : null;
    say(`label ${node.metadata?.name} ${LABEL}=${value}`);
    await cluster.patch(NODE, node, { metadata: { labels: { [LABEL]: value } } });
  }

  /** Somebody makes a Node whose kubelet never comes, and takes it back: its Pod found no place. */
  async #nodeWithoutKubelet(): Promise<void> {
    const { cluster, random, say } = this.#stage;
    const node = { metadata: { name: `empty-${++this.#empty}` } };
    const forMs = random.below(EMPTY_MS_MAX);
    say(`${node.metadata.name} is made, and deleted after ${forMs} ms`);
    await cluster.create(NODE, node);
    await cluster.advance(forMs);
    await cluster.delete(NODE, node);
  }

  async checkEnd(pods: readonly Pod[]): Promise<readonly Pod[]> {
    const { cluster } = this.#stage;
    const mine = pods.filter(({ metadata }) => metadata?.labels?.['app'] === NAME);
    const wanted = (await cluster.list(NODE))
      .filter(({ metadata }) => metadata?.labels?.[LABEL] === undefined)
      .map(({ metadata }) => metadata?.name ?? '');
    const found = mine.map(({ spec }) => spec?.nodeName ?? '').sort((a, b) => (a < b ? -1 : 1));
    if (found.join() !== wanted.join())
      throw new Error(`there are Pods of ${NAME} on ${found.join()}, not on ${wanted.join()}`);
    const old = mine.find(({ spec }) => spec?.containers[0]?.image !== this.#image);
    if (old !== undefined) throw new Error(`${old.metadata?.name} is not of ${this.#image}`);
    const { status } = await cluster.get(DAEMON_SET, NAME, 'default');
    const { desiredNumberScheduled, currentNumberScheduled, numberAvailable = 0 } = status ?? {};
    const { updatedNumberScheduled = 0, numberMisscheduled } = status ?? {};
    const counts = [desiredNumberScheduled, currentNumberScheduled, numberAvailable];
    if (![...counts, updatedNumberScheduled].every((count) => count === wanted.length))
      throw new Error(`${NAME} counts ${counts.join()} of ${wanted.length}`);
    if (numberMisscheduled !== 0) throw new Error(`${NAME} counts ${numberMisscheduled} too many`);
    const revisions = await cluster.list(CONTROLLER_REVISION, 'default');
    const own = revisions.filter((revision) => controllerOf(revision)?.name === NAME);
    if (own.length > HISTORY + 1) throw new Error(`${NAME} keeps ${own.length} revisions`);
    return mine;
  }
}
