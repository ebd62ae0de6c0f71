/**
 * A Namespace with a ResourceQuota, in which Pods and ConfigMaps come and go.
 *
 *   at the end   its status has its limits, and counts what there is
 *
 * That nothing is created beyond the limits is not looked at: admission does not charge quotas.
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
import { unlessGone } from './mishaps.ts';
import type { Cast, Stage, StoreChange } from './stage.ts';

const SPACE = 'limited';
const NAME = 'limit';
const POD_MILLIS = 100;
/** A change is counted within this time. */
const FOLLOWS_MS = 60_000;

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
    if (resource !== 'configmaps' || object.metadata?.namespace !== SPACE) return;
    if (type === 'delete') this.#maps.delete(key);
    else this.#maps.set(key, object);
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
    const count = 1 + random.below(4);
    say(`create ${count} maps`);
    for (let i = 0; i < count; i++)
      await cluster.create(CONFIG_MAP, {
        metadata: { name: `map-${++this.#count}`, namespace: SPACE },
      });
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
    if (pods.length !== this.#replicas)
      throw new Error(`greedy has ${pods.length} Pods, not ${this.#replicas}`);
    const { spec, status } = await cluster.get(RESOURCE_QUOTA, NAME, SPACE);
    const { used = {} } = status ?? {};
    const millis = quantityMilli(used['requests.cpu'] ?? '0');
    const told = [used['pods'], millis, used['count/configmaps']].join();
    const right = [pods.length, pods.length * POD_MILLIS, this.#maps.size].join();
    if (told !== right) throw new Error(`the quota counts ${told}, not ${right}`);
    if (limitsOf(status) !== limitsOf(spec))
      throw new Error(`the quota's limits are ${JSON.stringify(status?.hard)}`);
  }
}

function limitsOf({ hard = {} }: ResourceQuotaSpec = {}): string {
  return [
    hard['pods'],
    quantityMilli(hard['requests.cpu'] ?? '0'),
    hard['count/configmaps'],
  ].join();
}
