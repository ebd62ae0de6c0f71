/**
 * StatefulSets with claims, in order or in parallel.
 *
 *   while it runs   in order no Pod comes before all below it are ready; an update that nothing
 *                   disturbs never takes more than one Pod away
 *                   no Pod starts on a node that has not got its volume
 *   at the end      all numbers are there, of the right template, with the claims that the policies
 *                   leave
 */
import { CONTROLLER_REVISION } from '#api/apps/controller-revision.ts';
import { STATEFUL_SET } from '#api/apps/stateful-set.ts';
import { isPodActive, isPodReady } from '#api/core/pod-helpers.ts';
import { PERSISTENT_VOLUME_CLAIM } from '#api/core/persistent-volume-claim.ts';
import { POD } from '#api/core/pod.ts';
import type { StatefulSet, StatefulSetSpec } from '#api/gen/apps-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { controllerOf } from '#api/meta/object.ts';
import { unlessGone } from './mishaps.ts';
import type { Cast, Stage, StoreChange } from './stage.ts';

const NAME = 'db';
const HISTORY = 2;
const STORAGE = { storage: '1Gi' };

function ordinalOf({ metadata }: Pod): number {
  return Number(metadata?.name?.slice(NAME.length + 1));
}

export class StatefulSets implements Cast {
  readonly actions = [
    [5, () => this.#roll()],
    [4, () => this.#scale()],
    [1, () => this.#move()],
    [1, () => this.#delete()],
    [2, () => this.#end()],
  ] as const;
  readonly #stage: Stage;
  readonly #pods = new Map<string, Pod>();
  /** The volumes of the claims. */
  readonly #volumes = new Map<string, string>();
  #spec: StatefulSetSpec = { serviceName: '', template: {} };
  #image = 1;
  #disturbedMs = 0;
  #isThere = true;
  /** A Pod that goes by itself while its number goes too leaves its claim, as upstream. */
  #mayLeave = false;
  /** All were ready, and nothing has come since that may cost Pods but updates. */
  #isPromised = false;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  async open(): Promise<void> {
    const { cluster, random, say } = this.#stage;
    const policy = (): string => random.pick(['Retain', 'Delete']);
    const spec: StatefulSetSpec = {
      replicas: random.below(5),
      serviceName: NAME,
      podManagementPolicy: random.pick(['OrderedReady', 'Parallel']),
      minReadySeconds: random.pick([0, 0, 2]),
      revisionHistoryLimit: HISTORY,
      ordinals: { start: random.pick([0, 0, 3]) },
      selector: { matchLabels: { app: NAME } },
      template: {
        metadata: { labels: { app: NAME } },
        spec: { containers: [{ name: 'main', image: 'v1' }] },
      },
      persistentVolumeClaimRetentionPolicy: { whenDeleted: policy(), whenScaled: policy() },
      volumeClaimTemplates: [
        {
          metadata: { name: 'data' },
          spec: {
            accessModes: ['ReadWriteOnce'],
            resources: { requests: STORAGE },
            storageClassName: random.pick(['fast', 'late']),
          },
        },
      ],
    };
    this.#spec = spec;
    say(`create ${NAME} ${JSON.stringify({ ...spec, template: '' })}`);
    await cluster.create(STATEFUL_SET, { metadata: { name: NAME, namespace: 'default' }, spec });
  }

  disturb(): void {
    this.#isPromised = false;
    this.#mayLeave = true;
    this.#disturbedMs = this.#stage.cluster.environment.elapsedMs;
  }

  saw({ resource, type, key, object }: StoreChange): void {
    if (resource === 'persistentvolumeclaims' && type === 'put')
      this.#volumes.set(object.metadata?.name ?? '', `pvc-${object.metadata?.uid}`);
    if (resource !== 'pods' || object.metadata?.labels?.['app'] !== NAME) return;
    const before = this.#pods.get(key);
    if (type === 'put' && !isRunning(before) && isRunning(object)) this.#startedWithVolume(object);
    if (type === 'delete') this.#pods.delete(key);
    else this.#pods.set(key, object);
    const ready = [...this.#pods.values()].filter((pod) => isPodActive(pod) && isPodReady(pod));
    const replicas = this.#spec.replicas ?? 0;
    if (type === 'put' && before === undefined) this.#cameInOrder(object, ready);
    if (ready.length === this.#pods.size && this.#hasItsNumbers() && this.#isCalm())
      this.#isPromised = this.#stage.isUndisturbed && this.#isThere;
    if (this.#isPromised && ready.length < replicas - 1)
      this.#stage.violated(`${ready.length} of ${replicas} Pods of ${NAME} are ready`);
  }

  /** Its volume is on its node, and so, as it is for one node alone, on no other. */
  #startedWithVolume({ metadata, spec }: Pod): void {
    const volume = this.#stage.cluster.storage?.volumes.get(
      this.#volumes.get(`data-${metadata?.name}`) ?? '',
    );
    if (volume?.nodes.has(spec?.nodeName ?? '') !== true)
      this.#stage.violated(`${metadata?.name} runs on ${spec?.nodeName} without its volume`);
  }

  /** After a move as many Pods may be there, and all of them have to go. */
  #hasItsNumbers(): boolean {
    const found = [...this.#pods.values()].map(ordinalOf).sort((a, b) => a - b);
    return found.join() === numbersOf(this.#spec).join();
  }

  /** In parallel an update that comes before the last one has ended may take one Pod more. */
  #isCalm(): boolean {
    const { elapsedMs } = this.#stage.cluster.environment;
    if (elapsedMs < this.#disturbedMs + this.#stage.lagMs) return false;
    return this.#spec.podManagementPolicy === 'OrderedReady' || this.#isUpdated();
  }

  #isUpdated(): boolean {
    const { partition = 0 } = this.#spec.updateStrategy?.rollingUpdate ?? {};
    const first = (this.#spec.ordinals?.start ?? 0) + partition;
    const wanted = this.#spec.template.spec?.containers[0]?.image;
    return [...this.#pods.values()].every(
      (pod) =>
        isPodReady(pod) && (ordinalOf(pod) < first || pod.spec?.containers[0]?.image === wanted),
    );
  }

  #cameInOrder(pod: Pod, ready: readonly Pod[]): void {
    if (!this.#isPromised || this.#spec.podManagementPolicy !== 'OrderedReady') return;
    const ordinal = ordinalOf(pod);
    const below = ready.filter((other) => ordinalOf(other) < ordinal).length;
    if (below < ordinal - (this.#spec.ordinals?.start ?? 0))
      this.#stage.violated(`${pod.metadata?.name} came when ${below} below it were ready`);
  }

  async #patch(spec: Partial<StatefulSetSpec>): Promise<void> {
    if (!this.#isThere) return;
    const { cluster, say } = this.#stage;
    say(`change ${NAME} ${JSON.stringify(spec)}`);
    const subject = await cluster.get(STATEFUL_SET, NAME, 'default');
    await cluster.patch(STATEFUL_SET, subject, { spec });
    this.#spec = { ...this.#spec, ...spec };
  }

  /** A new template, or back to an old one; sometimes only for the upper half. */
  #roll(): Promise<void> {
    const { random } = this.#stage;
    const last = this.#image + 1;
    const image = random.chance(0.25) ? 1 + random.below(last - 1) : last;
    this.#image = Math.max(this.#image, image);
    if (!this.#isCalm()) this.#isPromised = false;
    const partition = random.chance(0.25) ? random.below((this.#spec.replicas ?? 0) + 1) : 0;
    return this.#patch({
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition } },
      template: {
        metadata: { labels: { app: NAME } },
        spec: { containers: [{ name: 'main', image: `v${image}` }] },
      },
    });
  }

  #scale(): Promise<void> {
    this.#isPromised = false;
    return this.#patch({ replicas: this.#stage.random.below(6) });
  }

  /** Other numbers. */
  #move(): Promise<void> {
    this.#isPromised = false;
    return this.#patch({ ordinals: { start: this.#stage.random.below(4) } });
  }

  async #delete(): Promise<void> {
    if (!this.#isThere) return;
    const { cluster, random, say } = this.#stage;
    this.#isPromised = false;
    this.#isThere = false;
    const propagationPolicy = random.pick(['Background', 'Foreground'] as const);
    say(`delete ${NAME} (${propagationPolicy})`);
    const subject = await cluster.get(STATEFUL_SET, NAME, 'default');
    await cluster.delete(STATEFUL_SET, subject, { propagationPolicy });
  }

  /** As when a kubelet evicts a Pod: its containers end, with any exit code. */
  async #end(): Promise<void> {
    const { cluster, random, say, disturb } = this.#stage;
    const pods = [...this.#pods.values()].filter((pod) => isPodActive(pod) && isPodReady(pod));
    if (pods.length === 0) return;
    const { name = '', uid } = random.pick(pods).metadata ?? {};
    const phase = random.pick(['Failed', 'Succeeded'] as const);
    disturb('loss');
    say(`${name} ends: ${phase}`);
    const conditions = [{ type: 'Ready', status: 'False' }];
    const patch = { metadata: { uid }, status: { phase, conditions } };
    const options = { subresource: 'status' };
    const target = { name, namespace: 'default' };
    await cluster
      .run(cluster.client.patch(POD, target, 'strategic', patch, options))
      .catch(unlessGone);
  }

  async checkEnd(pods: readonly Pod[]): Promise<readonly Pod[]> {
    const mine = pods.filter(({ metadata }) => metadata?.labels?.['app'] === NAME);
    const { cluster } = this.#stage;
    const [set] = await cluster.list(STATEFUL_SET, 'default');
    if ((set !== undefined) !== this.#isThere) throw new Error(`${NAME} is there, or is not`);
    const numbers = set === undefined ? [] : numbersOf(this.#spec);
    const found = mine.map(ordinalOf).sort((a, b) => a - b);
    if (found.join() !== numbers.join())
      throw new Error(`there are Pods ${found.join()} of ${NAME}, not ${numbers.join()}`);
    await this.#checkClaims(numbers);
    if (set !== undefined) await this.#checkRollout(set, mine);
    return mine;
  }

  async #checkRollout(set: StatefulSet, pods: readonly Pod[]): Promise<void> {
    const { partition = 0 } = this.#spec.updateStrategy?.rollingUpdate ?? {};
    const first = (this.#spec.ordinals?.start ?? 0) + partition;
    const wanted = this.#spec.template.spec?.containers[0]?.image;
    const old = pods.find(
      (pod) => ordinalOf(pod) >= first && pod.spec?.containers[0]?.image !== wanted,
    );
    if (old !== undefined) throw new Error(`${old.metadata?.name} is not of ${wanted}`);
    const { replicas, readyReplicas = 0, availableReplicas } = set.status ?? {};
    const counts = [replicas, readyReplicas, availableReplicas, pods.filter(isPodReady).length];
    if (counts.some((count) => count !== pods.length))
      throw new Error(`${NAME} counts ${counts.join()} Pods of ${pods.length}`);
    const revisions = await this.#stage.cluster.list(CONTROLLER_REVISION, 'default');
    const own = revisions.filter((revision) => controllerOf(revision)?.name === NAME);
    // Beyond the limit those that Pods have, the current one and the new one.
    if (own.length > HISTORY + 2) throw new Error(`${NAME} keeps ${own.length} revisions`);
  }

  async #checkClaims(numbers: readonly number[]): Promise<void> {
    const claims = await this.#stage.cluster.list(PERSISTENT_VOLUME_CLAIM, 'default');
    const { whenDeleted, whenScaled } = this.#spec.persistentVolumeClaimRetentionPolicy ?? {};
    const wanted = numbers.map((number) => `data-${NAME}-${number}`);
    const names = claims.map(({ metadata }) => metadata?.name ?? '');
    const lost = wanted.find((name) => !names.includes(name));
    if (lost !== undefined) throw new Error(`claim ${lost} is not there`);
    const left = names.find((name) => !wanted.includes(name));
    const keeps = this.#isThere ? whenScaled === 'Retain' : whenDeleted === 'Retain';
    if (left !== undefined && !keeps && !this.#mayLeave) throw new Error(`claim ${left} is left`);
  }
}

const isRunning = (pod: Pod | undefined): boolean => pod?.status?.phase === 'Running';

function numbersOf({ replicas = 0, ordinals }: StatefulSetSpec): number[] {
  return Array.from({ length: replicas }, (_, nth) => nth + (ordinals?.start ?? 0));
}
