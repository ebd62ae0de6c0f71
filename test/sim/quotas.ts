/**
 * A Namespace with a ResourceQuota, in which Pods and ConfigMaps come and go, many at once.
 *
 *   while it runs   nothing comes that makes more of anything than its status has as the limit
 *   at the end      its status has its limits, and counts what there is; what waited for room is there
 */
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import { quantityMilli } from '#api/codec/quantity.ts';
import { CONFIG_MAP } from '#api/core/config-map.ts';
import { NAMESPACE } from '#api/core/namespace.ts';
import { isPodTerminal } from '#api/core/pod-helpers.ts';
import { POD } from '#api/core/pod.ts';
import { RESOURCE_QUOTA } from '#api/core/resource-quota.ts';
import type { Pod, ResourceQuota, ResourceQuotaSpec } from '#api/gen/core-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { StatusError } from '#api/meta/status.ts';
import { unlessGone } from './mishaps.ts';
import type { Cast, Stage, StoreChange } from './stage.ts';

const SPACE = 'limited';
const NAME = 'limit';
const POD_MILLIS = 100;
const USER = { name: 'user', groups: ['system:masters'] };
/** A change is counted within this time. */
const FOLLOWS_MS = 60_000;
const BACKOFF_MS_MAX = 1_000_000;

export class Quotas implements Cast {
  readonly actions = [
    [4, () => this.#scale()],
    [4, () => this.#createMaps()],
    [3, () => this.#deleteMap()],
    [3, () => this.#limit()],
    [1, () => this.#recreate()],
  ] as const;
  readonly #stage: Stage;
  readonly #maps = new Map<string, KubeObject>();
  readonly #pods = new Map<string, Pod>();
  /** What the status allows, from which moment on, and what it allowed before. */
  #limits: { hard: Hard; sinceMs: number; before: Hard } = { hard: {}, sinceMs: 0, before: {} };
  /** The latest that a wall clock has shown: it goes back, and what is over remains over. */
  #latestMs = 0;
  #replicas = 0;
  #count = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  async open(): Promise<void> {
    const { cluster, random } = this.#stage;
    await cluster.create(NAMESPACE, { metadata: { name: SPACE } });
    await cluster.settle();
    await cluster.create(RESOURCE_QUOTA, this.#quota());
    await cluster.settle();
    this.#replicas = random.below(10);
    const labels = { app: 'greedy' };
    const resources = { requests: { cpu: `${POD_MILLIS}m` } };
    await cluster.create(DEPLOYMENT, {
      metadata: { name: 'greedy', namespace: SPACE },
      spec: {
        replicas: this.#replicas,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: { containers: [{ name: 'main', image: 'v1', resources }] },
        },
      },
    });
  }

  #hard(): Record<string, string> {
    const { random, say } = this.#stage;
    const hard = {
      pods: String(2 + random.below(6)),
      'requests.cpu': `${(2 + random.below(6)) * POD_MILLIS}m`,
      'count/configmaps': String(2 + random.below(5)),
    };
    say(`the quota is ${JSON.stringify(hard)}`);
    return hard;
  }

  #quota(): ResourceQuota {
    return { metadata: { name: NAME, namespace: SPACE }, spec: { hard: this.#hard() } };
  }

  disturb(): void {}

  saw({ resource, type, key, object }: StoreChange): void {
    this.#latestMs = Math.max(this.#latestMs, this.#stage.cluster.environment.clock.now());
    if (object.metadata?.namespace !== SPACE) return;
    if (resource === 'resourcequotas') this.#sawQuota(type === 'delete' ? {} : object);
    const objects: Map<string, KubeObject> | undefined = {
      configmaps: this.#maps,
      pods: this.#pods,
    }[resource];
    if (objects === undefined) return;
    const isNew = type === 'put' && !objects.has(key);
    if (type === 'delete') objects.delete(key);
    else objects.set(key, object);
    if (isNew) this.#checkLimits(key);
  }

  #sawQuota({ status }: ResourceQuota): void {
    const { hard: before } = this.#limits;
    const hard = status?.hard ?? {};
    if (limitsOf({ hard }) === limitsOf({ hard: before })) return;
    this.#limits = { hard, before, sinceMs: this.#stage.cluster.environment.elapsedMs };
  }

  /** What came in this moment may have been let in while the limits were what they were before. */
  #checkLimits(key: string): void {
    const { hard, before, sinceMs } = this.#limits;
    const isFresh = sinceMs === this.#stage.cluster.environment.elapsedMs;
    const pods = [...this.#pods.values()].filter((pod) => this.#isCounted(pod)).length;
    const there = {
      pods,
      'requests.cpu': (pods * POD_MILLIS) / 1000,
      'count/configmaps': this.#maps.size,
    };
    for (const [name, count] of Object.entries(there)) {
      const most = Math.max(limitIn(hard, name), isFresh ? limitIn(before, name) : 0);
      const isOfIt = (name === 'count/configmaps') === this.#maps.has(key);
      if (isOfIt && count > most)
        this.#stage.violated(`${key} came: ${count} ${name}, the quota allows ${most}`);
    }
  }

  #isCounted(pod: Pod): boolean {
    const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = pod.metadata ?? {};
    if (isPodTerminal(pod)) return false;
    if (deletionTimestamp === undefined) return true;
    return this.#latestMs <= Date.parse(deletionTimestamp) + deletionGracePeriodSeconds * 1000;
  }

  async #scale(): Promise<void> {
    const { cluster, random, say } = this.#stage;
    this.#replicas = random.below(10);
    say(`scale greedy to ${this.#replicas}`);
    const subject = { metadata: { name: 'greedy', namespace: SPACE } };
    await cluster.patch(DEPLOYMENT, subject, { spec: { replicas: this.#replicas } });
  }

  async #createMaps(): Promise<void> {
    const { cluster, random, say } = this.#stage;
    const count = 1 + random.below(8);
    say(`create ${count} maps at once`);
    const client = cluster.clientOf(USER);
    const names = Array.from({ length: count }, () => `map-${++this.#count}`);
    const create = (name: string): Promise<unknown> =>
      client
        .create(CONFIG_MAP, { metadata: { name, namespace: SPACE } })
        .catch(unlessRefusedOrInjected);
    await cluster.run(Promise.all(names.map(create)));
  }

  async #deleteMap(): Promise<void> {
    const { cluster, random, say } = this.#stage;
    const maps = [...this.#maps.values()];
    if (maps.length === 0) return;
    const victim = random.pick(maps);
    say(`delete ${victim.metadata?.name}`);
    await cluster.delete(CONFIG_MAP, victim).catch(unlessGone);
  }

  async #limit(): Promise<void> {
    const spec = { hard: this.#hard() };
    await this.#stage.cluster.patch(RESOURCE_QUOTA, this.#quotaKey(), { spec });
  }

  /** There is room for all: whoever waits for some gets it. */
  async rest(): Promise<void> {
    const hard = { pods: '30', 'requests.cpu': '3', 'count/configmaps': '300' };
    this.#stage.say('the quota has room for all');
    await this.#stage.cluster.patch(RESOURCE_QUOTA, this.#quotaKey(), { spec: { hard } });
  }

  async #recreate(): Promise<void> {
    this.#stage.say('delete the quota and make it anew');
    await this.#stage.cluster.delete(RESOURCE_QUOTA, this.#quotaKey());
    await this.#stage.cluster.create(RESOURCE_QUOTA, this.#quota());
  }

  #quotaKey(): ResourceQuota {
    return { metadata: { name: NAME, namespace: SPACE } };
  }

  /** One thing more, of which the count is not to wait until all is counted anew. */
  async waitForLast(): Promise<void> {
    const { random, cluster } = this.#stage;
    const last = random.pick([() => this.#limit(), () => this.#deleteMap(), () => this.#scale()]);
    await this.#waitForReplicas();
    await last();
    await cluster.advance(FOLLOWS_MS);
    await this.#checkStatus();
  }

  async checkEnd(_pods: readonly Pod[]): Promise<readonly Pod[]> {
    await this.#checkStatus();
    return [];
  }

  async #checkStatus(): Promise<void> {
    const { cluster } = this.#stage;
    const pods = (await cluster.list(POD, SPACE)).filter((pod) => !isPodTerminal(pod));
    const { spec, status } = await cluster.get(RESOURCE_QUOTA, NAME, SPACE);
    const { used = {} } = status ?? {};
    const millis = quantityMilli(used['requests.cpu'] ?? '0');
    const told = [used['pods'], millis, used['count/configmaps']].join();
    const right = [pods.length, pods.length * POD_MILLIS, this.#maps.size].join();
    if (told !== right) throw new Error(`the quota counts ${told}, not ${right}`);
    if (limitsOf(status) !== limitsOf(spec))
      throw new Error(`the quota's limits are ${JSON.stringify(status?.hard)}`);
    const hasRoom =
      pods.length < limitIn(spec?.hard, 'pods') &&
      (pods.length + 1) * POD_MILLIS <= quantityMilli(spec?.hard?.['requests.cpu'] ?? '0');
    const isShort = pods.length < this.#replicas && !hasRoom;
    if (pods.length !== this.#replicas && !isShort)
      throw new Error(`greedy has ${pods.length} Pods, not ${this.#replicas}`);
  }

  /** Who was refused often asks again after a quarter of an hour. */
  async #waitForReplicas(): Promise<void> {
    const { cluster } = this.#stage;
    for (let waitedMs = 0; ; waitedMs += FOLLOWS_MS) {
      const pods = (await cluster.list(POD, SPACE)).filter((pod) => !isPodTerminal(pod));
      if (pods.length === this.#replicas) return;
      if (waitedMs > BACKOFF_MS_MAX)
        throw new Error(`greedy has ${pods.length} Pods of ${this.#replicas}, and there is room`);
      await cluster.advance(FOLLOWS_MS);
    }
  }
}

type Hard = Readonly<Record<string, string>>;

/** What is not limited is not. */
function limitIn(hard: Hard | undefined, name: string): number {
  const limit = hard?.[name];
  return limit === undefined ? Number.POSITIVE_INFINITY : quantityMilli(limit) / 1000;
}

function unlessRefusedOrInjected(error: unknown): void {
  const isRefused = error instanceof StatusError && error.code === 403;
  if (!isRefused && !String(error).includes('injected')) throw error;
}

function limitsOf({ hard = {} }: ResourceQuotaSpec = {}): string {
  return [
    hard['pods'],
    quantityMilli(hard['requests.cpu'] ?? '0'),
    hard['count/configmaps'],
  ].join();
}
