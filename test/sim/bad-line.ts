/**
 * What the API promises to a client behind a bad line: what was acknowledged is there, and a watch
 * shows every change in order.
 */
import { CONFIG_MAP } from '#api/core/config-map.ts';
import { POD } from '#api/core/pod.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { isConflict } from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';
import { Informer, keyOf } from '#client/informer.ts';
import type { Stage } from './stage.ts';

const ADMIN = { name: 'kubernetes-admin', groups: ['system:masters'] };
const TRIES = 3;

export class BadLine {
  readonly #stage: Stage;
  readonly #lagging: Informer<Pod>;
  #acknowledged = 0;

  private constructor(stage: Stage, lagging: Informer<Pod>) {
    this.#stage = stage;
    this.#lagging = lagging;
  }

  static async open(stage: Stage, signal: AbortSignal): Promise<BadLine> {
    const { cluster } = stage;
    await cluster.create(CONFIG_MAP, {
      metadata: { name: 'counter', namespace: 'default' },
      data: { value: '0' },
    });
    const client = cluster.clientOf(ADMIN);
    const informer = new Informer<Pod>({ client, environment: cluster.environment, type: POD });
    const revisions = new Map<string, number>();
    informer.onChange(({ type, key, object }) => {
      const revision = Number(object.metadata?.resourceVersion);
      const last = revisions.get(key) ?? 0;
      if (revision < last)
        stage.violated(`watch out of order: ${key}: ${type} at ${revision} after ${last}`);
      revisions.set(key, revision);
    });
    informer.start(signal);
    return new BadLine(stage, informer);
  }

  /** Adds one to a counter, answers lost included. */
  async count(): Promise<void> {
    const { cluster } = this.#stage;
    const faults = { ...cluster.faults, lostAnswerRatio: 0.2 };
    const lossy = cluster.clientOf(ADMIN, undefined, { faults });
    for (let tries = 0; tries < TRIES; tries++) {
      try {
        const next = await cluster.run(increment(lossy));
        this.#acknowledged = Math.max(this.#acknowledged, next);
        return;
      } catch (error) {
        if (!isConflict(error) && !/injected/.test(String(error))) throw error;
      }
    }
  }

  /** Throws what is wrong. */
  async checkEnd(pods: readonly Pod[]): Promise<void> {
    const { data } = await this.#stage.cluster.get(CONFIG_MAP, 'counter', 'default');
    const value = Number(data?.['value']);
    if (value < this.#acknowledged)
      throw new Error(`the counter is ${value}, ${this.#acknowledged} was acknowledged`);
    const state = (all: readonly Pod[]): string =>
      all
        .map((pod) => `${keyOf(pod)}@${pod.metadata?.resourceVersion}`)
        .toSorted()
        .join();
    if (state(this.#lagging.list('default')) !== state(pods))
      throw new Error('a watch behind a bad line missed changes');
  }
}

async function increment(client: Client): Promise<number> {
  const current = await client.get(CONFIG_MAP, 'counter', 'default');
  const next = Number(current.data?.['value'] ?? 0) + 1;
  await client.update(CONFIG_MAP, { ...current, data: { value: String(next) } });
  return next;
}
