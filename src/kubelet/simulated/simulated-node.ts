/**
 * A simulated node: a kubelet whose pods run nowhere but reach Running.
 *
 * It registers a Node, renews its Lease, posts its status and moves the pods that are bound to it
 * through their phases. For the control plane it is a node like any other; so it serves
 * `--simulated-nodes`, benchmarks, and tests in virtual time.
 */
import { NODE } from '#api/core/node.ts';
import { POD } from '#api/core/pod.ts';
import { isPodReady, isPodTerminal } from '#api/core/pod-helpers.ts';
import type { Node, Pod } from '#api/gen/core-v1.ts';
import { isAlreadyExists } from '#api/meta/status.ts';
import { type Environment, sleep } from '#base/env.ts';
import type { Client } from '#client/client.ts';
import { type Change, Informer, keyOf } from '#client/informer.ts';
import { keepLease } from '../node/lease.ts';
import { type PodDelays, SimulatedPod } from './simulated-pod.ts';
import { SimulatedVolumes } from './simulated-volumes.ts';
import { nodeObject } from './status.ts';

const LOOK_MS = 10_000;
const STATUS_MS = 300_000;
const RETRY_MS = 1_000;

export interface SimulatedNodeOptions {
  readonly name: string;
  /** Speaks as this node (`system:node:<name>`). */
  readonly client: Client;
  readonly environment: Environment;
  readonly delays?: Partial<PodDelays>;
  readonly address?: string;
  readonly cpus?: number;
  readonly memoryGigabytes?: number;
  readonly podsMax?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly kubeletVersion?: string;
  /** How long its Lease lasts, of which a quarter passes between renewals; 40 unless given. */
  readonly nodeLeaseDurationSeconds?: number | undefined;
  /** First three numbers of pod addresses while the node has no range of its own. */
  readonly podNetwork?: string;
  /**
   * A node that is there already: it neither registers nor reports, its status stays as it is, and no
   * pod waits for its volumes to be attached.
   */
  readonly standsInFor?: Node;
  /** How long things take with this pod; `delays` unless given. */
  readonly delaysOf?: (pod: Pod) => PodDelays;
  /** Pods that it finds, and leaves as they are until they are deleted; none unless given. */
  readonly leaves?: (pod: Pod) => boolean;
}

const DELAYS: PodDelays = { startMs: 200, readyMs: 100, stopMs: 500 };

export class SimulatedNode {
  readonly #options: SimulatedNodeOptions;
  readonly #delays: PodDelays;
  readonly #address: string;
  readonly #pods: Informer<Pod>;
  readonly #self: Informer<Node>;
  /** Pods that this node runs, by uid. */
  readonly #running = new Map<string, SimulatedPod>();
  readonly #addresses = new Map<string, string>();
  #nextHost = 2;
  #volumes: SimulatedVolumes | undefined;
  #busy = 0;
  #signal: AbortSignal = AbortSignal.abort();

  constructor(options: SimulatedNodeOptions) {
    this.#options = options;
    this.#delays = { ...DELAYS, ...options.delays };
    this.#address = options.address ?? addressIn(options.standsInFor) ?? '192.0.2.1';
    const { client, environment, name } = options;
    const selection = { fieldSelector: `spec.nodeName=${name}` };
    this.#pods = new Informer<Pod>({ client, environment, type: POD, selection });
    const self = { fieldSelector: `metadata.name=${name}` };
    this.#self = new Informer<Node>({ client, environment, type: NODE, selection: self });
  }

  /** Registers, then works until `signal` is aborted: from one moment to the next, as a node dies. */
  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    const { name: node, client, environment } = this.#options;
    await this.#insist(() => this.#register());
    if (signal.aborted) return;
    const nodeUid = (): string | undefined => this.#self.get(node)?.metadata?.uid;
    const { nodeLeaseDurationSeconds } = this.#options;
    const lease = { client, environment, nodeName: node, nodeUid, nodeLeaseDurationSeconds };
    const renewing = keepLease(lease, signal);
    this.#self.start(signal);
    await Promise.race([this.#self.synced(), sleep(environment, LOOK_MS, signal)]);
    if (this.#options.standsInFor === undefined)
      this.#volumes = new SimulatedVolumes({ node, client, environment, self: this.#self, signal });
    this.#pods.onChange((change) => this.#podChanged(change));
    this.#pods.start(signal);
    this.#watchOver(this.#pods.synced().then(() => this.#volumes?.recovered()));
    await Promise.all([
      renewing,
      this.#every(LOOK_MS, () => this.#contradict()),
      this.#every(STATUS_MS, () => this.#report()),
    ]);
  }

  /** How many pods it has. */
  get podCount(): number {
    return this.#running.size;
  }

  /** How many pods are being started or stopped, or will end by themselves. */
  get busyPods(): number {
    return this.#busy;
  }

  #object(): Node {
    const {
      name,
      cpus = 8,
      memoryGigabytes = 32,
      podsMax = 110,
      labels = {},
      kubeletVersion = 'v1.36.0',
    } = this.#options;
    const facts = {
      name,
      address: this.#address,
      cpus,
      memoryGigabytes,
      podsMax,
      labels,
      kubeletVersion,
    };
    return nodeObject(facts, this.#options.environment.clock.now());
  }

  async #register(): Promise<void> {
    const { client, standsInFor } = this.#options;
    if (standsInFor !== undefined) return;
    const node = this.#object();
    try {
      await client.create(NODE, node);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      await this.#report();
    }
  }

  async #report(): Promise<void> {
    const { client, name, standsInFor } = this.#options;
    if (standsInFor !== undefined) return;
    const { status } = this.#object();
    // Only what a kubelet owns; times of conditions that did not change stay.
    const current = await client.get(NODE, name);
    const conditions = status?.conditions?.map((condition) => {
      const known = current.status?.conditions?.find(({ type }) => type === condition.type);
      const same = known?.status === condition.status && known.lastTransitionTime !== undefined;
      return same
        ? { ...condition, lastTransitionTime: known.lastTransitionTime ?? '' }
        : condition;
    });
    await client.patch(
      NODE,
      { name },
      'strategic',
      { status: { ...status, conditions } },
      { subresource: 'status' },
    );
  }

  /** Somebody says that the node is not ready: it is. */
  async #contradict(): Promise<void> {
    const conditions = this.#self.get(this.#options.name)?.status?.conditions;
    const ready = conditions?.find(({ type }) => type === 'Ready');
    if (ready !== undefined && ready.status !== 'True') await this.#report();
  }

  async #every(periodMs: number, work: () => Promise<void>): Promise<void> {
    const { environment } = this.#options;
    while (!this.#signal.aborted) {
      await sleep(environment, periodMs, this.#signal);
      if (!this.#signal.aborted) await this.#insist(work);
    }
  }

  async #insist(work: () => Promise<void>): Promise<void> {
    const { environment, name } = this.#options;
    while (!this.#signal.aborted) {
      try {
        await work();
        return;
      } catch (error) {
        environment.log.debug('simulated node cannot report', { node: name, error: String(error) });
        await sleep(environment, RETRY_MS, this.#signal);
      }
    }
  }

  #podChanged({ type, object, previous }: Change<Pod>): void {
    const uid = object.metadata?.uid ?? '';
    const oldUid = previous?.metadata?.uid;
    if (oldUid !== undefined && oldUid !== uid) this.#forget(oldUid);
    if (type === 'deleted') return this.#forget(uid);
    const deleting = object.metadata?.deletionTimestamp !== undefined;
    const known = this.#running.get(uid);
    if (known === undefined && (!isPodTerminal(object) || deleting))
      this.#adopt(object, uid, deleting);
    else if (
      known !== undefined &&
      deleting &&
      previous?.metadata?.deletionTimestamp === undefined
    ) {
      this.#watchOver(known.stop());
    } else if (known !== undefined && !deleting && wasReady(previous) && !isPodReady(object)) {
      // Unless it has been ended, as by an eviction.
      if (!isPodTerminal(object)) this.#watchOver(known.contradict());
    }
  }

  #adopt(object: Pod, uid: string, deleting: boolean): void {
    const { client, environment, delaysOf, leaves } = this.#options;
    const key = keyOf(object);
    const pod = new SimulatedPod(object, {
      client,
      environment,
      delays: delaysOf?.(object) ?? this.#delays,
      hostIp: this.#address,
      podIp: this.#addressOf(object, uid),
      signal: this.#signal,
      ...(this.#volumes === undefined ? {} : { volumes: this.#volumes }),
      current: () => {
        const current = this.#pods.get(key);
        return current?.metadata?.uid === uid ? current : undefined;
      },
    });
    this.#running.set(uid, pod);
    if (object.status?.phase === 'Running') this.#watchOver(this.#volumes?.adopt(object));
    if (deleting) this.#watchOver(pod.stop());
    else if (leaves?.(object) !== true) this.#watchOver(pod.run());
  }

  #watchOver(work: Promise<void> | undefined): void {
    if (work === undefined) return;
    this.#busy++;
    work
      .catch((error: unknown) => {
        const { environment, name } = this.#options;
        environment.log.error('simulated pod failed', { node: name, error: String(error) });
      })
      .finally(() => {
        this.#busy--;
      });
  }

  #forget(uid: string): void {
    this.#running.get(uid)?.forget();
    this.#running.delete(uid);
    this.#watchOver(this.#volumes?.released(uid));
    this.#addresses.delete(uid);
  }

  #addressOf(pod: Pod, uid: string): string {
    if (pod.spec?.hostNetwork === true) return this.#address;
    const known = pod.status?.podIP ?? this.#addresses.get(uid);
    if (known !== undefined && known !== '') return known;
    const range = this.#self.get(this.#options.name)?.spec?.podCIDR;
    const network = range?.replace(/\.\d+\/\d+$/, '') ?? this.#options.podNetwork ?? '10.88.0';
    const used = new Set(this.#addresses.values());
    let address: string;
    do {
      address = `${network}.${this.#nextHost}`;
      this.#nextHost = this.#nextHost >= 254 ? 2 : this.#nextHost + 1;
    } while (used.has(address));
    this.#addresses.set(uid, address);
    return address;
  }
}

function wasReady(pod: Pod | undefined): boolean {
  return pod !== undefined && isPodReady(pod);
}

function addressIn(node: Node | undefined): string | undefined {
  return node?.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
}
