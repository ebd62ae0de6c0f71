/**
 * Deployments, and a Service in front of one.
 *
 *   while it runs   never more Pods than replicas + maxSurge, with Recreate never of two templates;
 *                   in a rollout that nothing disturbs
 *                   never fewer ready ones than replicas - maxUnavailable
 *   at the end      all converged, endpoints and old ReplicaSets too
 */
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import { REPLICA_SET } from '#api/apps/replica-set.ts';
import { isPodActive, isPodReady } from '#api/core/pod-helpers.ts';
import { SERVICE } from '#api/core/service.ts';
import { ENDPOINT_SLICE } from '#api/discovery/endpoint-slice.ts';
import type { Deployment } from '#api/gen/apps-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { keyOf } from '#client/informer.ts';
import { deployment, service } from '#kit/builders.ts';
import { desiredReplicas } from '#controllers/deployment/limits.ts';
import { DeploymentLimits } from './deployment-limits.ts';
import type { Cast, Stage, StoreChange } from './stage.ts';

const OLD_SETS_MAX = 3;
const SCALE_SOON_MS = 1_000;

export class Deployments implements Cast {
  readonly actions = [
    [5, async () => this.#roll(await this.#some())],
    [2, () => this.#rollAndScale()],
    [3, async () => this.#scale(await this.#some(), this.#stage.random.below(9))],
    [1, () => this.#delete()],
    [1, () => this.#deleteSlice()],
  ] as const;
  readonly #stage: Stage;
  readonly #limits: DeploymentLimits;
  readonly #images = new Map<string, number>();

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#limits = new DeploymentLimits(stage);
  }

  async open(): Promise<void> {
    await this.#createService();
    await this.#deploy('web');
    if (this.#stage.random.chance(0.5)) await this.#deploy('api');
  }

  disturb(): void {
    this.#limits.release();
  }

  saw(change: StoreChange): void {
    this.#limits.saw(change);
  }

  async #deploy(name: string): Promise<void> {
    const { random, say, cluster } = this.#stage;
    const [surge, unavailable] = random.pick([
      ['25%', '25%'],
      ['1', '0'],
      ['0', '1'],
      ['2', '2'],
      ['100%', '0'],
      ['0', '50%'],
    ] as const);
    const replicas = random.below(8);
    const strategy = random.chance(0.2) ? 'recreate' : `surge=${surge} unavailable=${unavailable}`;
    const { spec } = deployment(`replicas=${replicas} image=v1 history=2 ${strategy}`);
    const labels = { app: name };
    this.#images.set(name, 1);
    say(`create ${name} replicas=${replicas} ${strategy}`);
    await cluster.create(DEPLOYMENT, {
      metadata: { name, namespace: 'default' },
      spec: {
        ...spec,
        minReadySeconds: random.pick([0, 0, 2]),
        selector: { matchLabels: labels },
        template: { ...spec?.template, metadata: { labels } },
      },
    });
  }

  async #createService(): Promise<void> {
    const { spec } = service({ ports: [{ port: 80, targetPort: 8080 }] });
    const { clusterIP: _, ipFamilies: __, ...free } = spec ?? {};
    await this.#stage.cluster.create(SERVICE, {
      metadata: { name: 'web', namespace: 'default' },
      spec: free,
    });
  }

  async #some(): Promise<Deployment | undefined> {
    const all = (await this.#stage.cluster.list(DEPLOYMENT, 'default')).filter(
      ({ metadata }) =>
        metadata?.deletionTimestamp === undefined && this.#images.has(metadata?.name ?? ''),
    );
    return all.length === 0 ? undefined : this.#stage.random.pick(all);
  }

  /** A new template, or back to an old one. */
  async #roll(subject: Deployment | undefined): Promise<void> {
    const { random, say, cluster, isUndisturbed } = this.#stage;
    if (subject === undefined) return;
    const name = subject.metadata?.name ?? '';
    const last = (this.#images.get(name) ?? 1) + 1;
    const image = random.chance(0.25) ? 1 + random.below(last - 1) : last;
    this.#images.set(name, Math.max(image, last - 1));
    if (isUndisturbed && subject.spec?.strategy?.type === 'RollingUpdate')
      this.#limits.guard(subject);
    say(`roll ${name} to v${image}`);
    const containers = [{ name: 'main', image: `v${image}` }];
    await cluster.patch(DEPLOYMENT, subject, { spec: { template: { spec: { containers } } } });
  }

  /** To less while its rollout begins. */
  async #rollAndScale(): Promise<void> {
    const { cluster, random } = this.#stage;
    const subject = await this.#some();
    if (subject === undefined) return;
    await this.#roll(subject);
    await cluster.advance(random.below(SCALE_SOON_MS));
    await this.#scale(subject, Math.max(0, desiredReplicas(subject) - 1 - random.below(2)));
  }

  async #scale(subject: Deployment | undefined, replicas: number): Promise<void> {
    const { say, cluster } = this.#stage;
    if (subject === undefined) return;
    this.#limits.release(keyOf(subject));
    say(`scale ${subject.metadata?.name} to ${replicas}`);
    await cluster.patch(DEPLOYMENT, subject, { spec: { replicas } });
  }

  async #delete(): Promise<void> {
    const { random, say, cluster } = this.#stage;
    const subject = await this.#some();
    if (subject === undefined) return;
    const propagationPolicy = random.pick(['Background', 'Foreground'] as const);
    this.#limits.release(keyOf(subject));
    say(`delete ${subject.metadata?.name} (${propagationPolicy})`);
    await cluster.delete(DEPLOYMENT, subject, { propagationPolicy });
  }

  /** Somebody takes away what the controller wrote. */
  async #deleteSlice(): Promise<void> {
    const { cluster, random, say } = this.#stage;
    const slices = await cluster.list(ENDPOINT_SLICE, 'default');
    if (slices.length === 0) return;
    const victim = random.pick(slices);
    say(`delete endpoint slice ${victim.metadata?.name}`);
    await cluster.delete(ENDPOINT_SLICE, victim);
  }

  async checkEnd(pods: readonly Pod[]): Promise<readonly Pod[]> {
    const { cluster } = this.#stage;
    const deployments = (await cluster.list(DEPLOYMENT, 'default')).filter(({ metadata }) =>
      this.#images.has(metadata?.name ?? ''),
    );
    const sets = await cluster.list(REPLICA_SET, 'default');
    const needed: Pod[] = [];
    for (const each of deployments) {
      needed.push(...goodPods(each, pods));
      const uid = each.metadata?.uid;
      const old = sets.filter(({ metadata }) => metadata?.ownerReferences?.[0]?.uid === uid);
      if (old.length > OLD_SETS_MAX)
        throw new Error(`${each.metadata?.name} keeps ${old.length} ReplicaSets`);
    }
    // Those of others too: every ReplicaSet has an owner.
    const all = await cluster.list(DEPLOYMENT, 'default');
    const uids = new Set(all.map(({ metadata }) => metadata?.uid));
    const lost = sets.find(({ metadata }) => !uids.has(metadata?.ownerReferences?.[0]?.uid));
    if (lost !== undefined) throw new Error(`ReplicaSet ${lost.metadata?.name} has lost its owner`);
    await this.#checkEndpoints(pods);
    return needed;
  }

  async #checkEndpoints(pods: readonly Pod[]): Promise<void> {
    const slices = await this.#stage.cluster.list(ENDPOINT_SLICE, 'default');
    const named = slices
      .filter(({ metadata }) => metadata?.labels?.['kubernetes.io/service-name'] === 'web')
      .flatMap(({ endpoints }) => endpoints ?? [])
      .map(({ targetRef }) => targetRef?.name ?? '');
    const web = pods
      .filter((pod) => pod.metadata?.labels?.['app'] === 'web')
      .map(({ metadata }) => metadata?.name ?? '');
    if (named.toSorted().join() !== web.toSorted().join())
      throw new Error(`endpoints are ${named.join()}, Pods ${web.join()}`);
  }
}

/** The ready Pods of the right image. Throws when they are not as many as there have to be. */
function goodPods({ metadata, spec, status }: Deployment, pods: readonly Pod[]): readonly Pod[] {
  const replicas = spec?.replicas ?? 0;
  const image = spec?.template.spec?.containers[0]?.image;
  const good = pods.filter(
    (pod) =>
      pod.metadata?.labels?.['app'] === metadata?.name &&
      isPodActive(pod) &&
      isPodReady(pod) &&
      pod.spec?.containers[0]?.image === image,
  );
  if (good.length !== replicas)
    throw new Error(`${metadata?.name} has ${good.length} good Pods of ${replicas}`);
  if ((status?.availableReplicas ?? 0) !== replicas)
    throw new Error(`${metadata?.name} reports ${status?.availableReplicas}`);
  return good;
}
