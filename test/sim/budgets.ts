/**
 * A Deployment under a PodDisruptionBudget, and users who evict its Pods.
 *
 *   while it runs   evictions alone never leave fewer healthy Pods than the budget promises
 *   at the end      the budget counts what is there
 */
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import { isPodActive, isPodReady } from '#api/core/pod-helpers.ts';
import { POD } from '#api/core/pod.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { PodDisruptionBudgetSpec } from '#api/gen/policy-v1.ts';
import { StatusError } from '#api/meta/status.ts';
import { POD_DISRUPTION_BUDGET } from '#api/policy/pod-disruption-budget.ts';
import { deployment } from '#kit/builders.ts';
import type { Cast, Disturbance, Stage, StoreChange } from './stage.ts';

const NAME = 'guarded';

export class Budgets implements Cast {
  readonly actions = [
    [4, () => this.#evict(1)],
    [3, () => this.#evict(3)],
  ] as const;
  readonly #stage: Stage;
  readonly #pods = new Map<string, Pod>();
  #replicas = 0;
  #floor = 0;
  #isPromised = false;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  async open(): Promise<void> {
    const { cluster, random, say } = this.#stage;
    this.#replicas = 2 + random.below(5);
    const [spec, floor] = random.pick<readonly [PodDisruptionBudgetSpec, number]>([
      [{ minAvailable: this.#replicas - 1 }, this.#replicas - 1],
      [{ minAvailable: '50%' }, Math.ceil(this.#replicas / 2)],
      [{ maxUnavailable: 1 }, this.#replicas - 1],
      [{ maxUnavailable: '50%' }, this.#replicas - Math.ceil(this.#replicas / 2)],
    ]);
    this.#floor = floor;
    const labels = { app: NAME };
    const { spec: wanted } = deployment(`replicas=${this.#replicas} image=v1`);
    say(`create ${NAME} replicas=${this.#replicas}, ${JSON.stringify(spec)}`);
    await cluster.create(DEPLOYMENT, {
      metadata: { name: NAME, namespace: 'default' },
      spec: {
        ...wanted,
        selector: { matchLabels: labels },
        template: { ...wanted?.template, metadata: { labels } },
      },
    });
    await cluster.create(POD_DISRUPTION_BUDGET, {
      metadata: { name: NAME, namespace: 'default' },
      spec: { selector: { matchLabels: labels }, ...spec },
    });
  }

  disturb(by: Disturbance): void {
    if (by === 'loss') this.#isPromised = false;
  }

  saw({ resource, type, key, object }: StoreChange): void {
    if (resource !== 'pods' || object.metadata?.labels?.['app'] !== NAME) return;
    if (type === 'delete') this.#pods.delete(key);
    else this.#pods.set(key, object);
    const healthy = [...this.#pods.values()].filter(
      (pod) => isPodActive(pod) && isPodReady(pod),
    ).length;
    // Whatever took Pods away, once all are back nobody but evictions may take more.
    if (healthy === this.#replicas && this.#stage.isUndisturbed) this.#isPromised = true;
    if (this.#isPromised && healthy < this.#floor)
      this.#stage.violated(`${healthy} Pods are healthy, the budget promises ${this.#floor}`);
  }

  /** Asks for several evictions at once; the budget says how many are let through. */
  async #evict(count: number): Promise<void> {
    const { cluster, random, say } = this.#stage;
    const left = [...this.#pods.values()].filter(isPodActive);
    const victims: Pod[] = [];
    while (victims.length < count && left.length > 0)
      victims.push(...left.splice(random.below(left.length), 1));
    const answers = victims.map((pod) => this.#evictOne(pod));
    const codes = await cluster.run(Promise.all(answers));
    say(`evict ${victims.map(({ metadata }) => metadata?.name).join()}: ${codes.join()}`);
  }

  async #evictOne({ metadata }: Pod): Promise<string> {
    const target = { name: metadata?.name ?? '', namespace: 'default' };
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: target };
    try {
      await this.#stage.cluster.client.createSubresource(POD, target, 'eviction', body);
      return 'gone';
    } catch (error) {
      if (error instanceof StatusError) return String(error.status.code);
      throw error;
    }
  }

  async checkEnd(pods: readonly Pod[]): Promise<readonly Pod[]> {
    const mine = pods.filter(({ metadata }) => metadata?.labels?.['app'] === NAME);
    const { status } = await this.#stage.cluster.get(POD_DISRUPTION_BUDGET, NAME, 'default');
    const { currentHealthy, desiredHealthy, disruptionsAllowed, expectedPods } = status ?? {};
    const told = [currentHealthy, desiredHealthy, disruptionsAllowed, expectedPods].join();
    const replicas = this.#replicas;
    const right = [replicas, this.#floor, replicas - this.#floor, replicas].join();
    if (told !== right) throw new Error(`the budget says ${told}, not ${right}`);
    if (status?.disruptedPods !== undefined)
      throw new Error(`the budget waits for ${Object.keys(status.disruptedPods).join()}`);
    return mine;
  }
}
