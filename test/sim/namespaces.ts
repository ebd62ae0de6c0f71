/**
 * Namespaces that come, fill and go.
 *
 *   while it runs   a Namespace goes last, and nothing comes where no Namespace is
 *   at the end      those that were deleted are gone with all that was in them, and each that is
 *                   left has what every Namespace has
 */
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import { CONFIG_MAP } from '#api/core/config-map.ts';
import { NAMESPACE } from '#api/core/namespace.ts';
import { SERVICE } from '#api/core/service.ts';
import { SERVICE_ACCOUNT } from '#api/core/service-account.ts';
import type { Namespace, Pod } from '#api/gen/core-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { unlessGone } from './mishaps.ts';
import type { Cast, Stage, StoreChange } from './stage.ts';

const PREFIX = 'space-';
const SPACES = 3;
const HOLD = 'example.com/hold';
const ROOT_CA = 'kube-root-ca.crt';

export class Namespaces implements Cast {
  readonly actions = [
    [5, () => this.#fill()],
    [4, () => this.#delete()],
    [4, () => this.#create()],
    [2, () => this.#release()],
  ] as const;
  readonly #stage: Stage;
  readonly #spaces = new Map<string, KubeObject>();
  /** What is in them: `pods space-1/a`. */
  readonly #things = new Map<string, KubeObject>();
  #count = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  async open(): Promise<void> {
    await this.#create();
    await this.#fill();
    await this.#create();
  }

  disturb(): void {}

  saw({ resource, type, key, object }: StoreChange): void {
    const { name = '', namespace = '' } = object.metadata ?? {};
    if (resource === 'namespaces' && name.startsWith(PREFIX)) {
      if (type === 'put') this.#spaces.set(name, object);
      else this.#gone(name);
    }
    if (!namespace.startsWith(PREFIX)) return;
    const thing = `${resource} ${key}`;
    if (type === 'delete') this.#things.delete(thing);
    else {
      if (!this.#spaces.has(namespace)) this.#stage.violated(`${thing} comes into nothing`);
      this.#things.set(thing, object);
    }
  }

  #gone(name: string): void {
    this.#spaces.delete(name);
    for (const [thing, { metadata }] of this.#things)
      if (metadata?.namespace === name) this.#stage.violated(`${name} goes, and ${thing} stays`);
  }

  async #create(): Promise<void> {
    const { cluster, random, say } = this.#stage;
    const name = `${PREFIX}${1 + random.below(SPACES)}`;
    if (this.#spaces.has(name)) return;
    say(`create ${name}`);
    await cluster.create(NAMESPACE, { metadata: { name } });
  }

  #some(): string | undefined {
    const alive = [...this.#spaces.values()].filter(
      ({ metadata }) => metadata?.deletionTimestamp === undefined,
    );
    return alive.length === 0 ? undefined : this.#stage.random.pick(alive).metadata?.name;
  }

  async #fill(): Promise<void> {
    const { cluster, random, say } = this.#stage;
    const namespace = this.#some();
    if (namespace === undefined) return;
    const name = `thing-${++this.#count}`;
    const metadata = { name, namespace };
    const what = random.pick(['deployment', 'service', 'held', 'plain'] as const);
    say(`${namespace} gets a ${what}`);
    const labels = { app: name };
    const containers = [{ name: 'main', image: 'v1' }];
    if (what === 'service')
      await cluster.create(SERVICE, { metadata, spec: { ports: [{ port: 80 }] } });
    else if (what === 'deployment')
      await cluster.create(DEPLOYMENT, {
        metadata,
        spec: {
          replicas: 2,
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: { containers } },
        },
      });
    else {
      const finalizers = what === 'held' ? [HOLD] : [];
      await cluster.create(CONFIG_MAP, { metadata: { ...metadata, finalizers } });
    }
  }

  async #delete(): Promise<void> {
    const name = this.#some();
    if (name === undefined) return;
    this.#stage.say(`delete ${name}`);
    await this.#stage.cluster.delete(NAMESPACE, { metadata: { name } });
  }

  async #release(): Promise<void> {
    for (const { metadata } of await this.#stage.cluster.list(CONFIG_MAP)) {
      const { namespace = '', name = '', finalizers = [] } = metadata ?? {};
      if (!namespace.startsWith(PREFIX) || finalizers.length === 0) continue;
      this.#stage.say(`release ${namespace}/${name}`);
      const there = { metadata: { name, namespace } };
      const patch = { metadata: { finalizers: null } };
      await this.#stage.cluster.patch(CONFIG_MAP, there, patch).catch(unlessGone);
    }
  }

  rest(): Promise<void> {
    return this.#release();
  }

  async checkEnd(_pods: readonly Pod[]): Promise<readonly Pod[]> {
    for (const space of this.#spaces.values()) await this.#checkSpace(space);
    return [];
  }

  async #checkSpace({ metadata, status }: Namespace): Promise<void> {
    const { cluster } = this.#stage;
    const { name = '', deletionTimestamp } = metadata ?? {};
    if (deletionTimestamp !== undefined)
      throw new Error(`${name} does not go: ${JSON.stringify(status?.conditions)}`);
    const accounts = await cluster.list(SERVICE_ACCOUNT, name);
    const maps = await cluster.list(CONFIG_MAP, name);
    if (!accounts.some((each) => each.metadata?.name === 'default'))
      throw new Error(`${name} has no service account`);
    if (!maps.some((each) => each.metadata?.name === ROOT_CA))
      throw new Error(`${name} has no ${ROOT_CA}`);
    for (const each of await cluster.list(DEPLOYMENT, name))
      if (each.status?.availableReplicas !== 2)
        throw new Error(`${name} has ${each.status?.availableReplicas} Pods of 2`);
  }
}
