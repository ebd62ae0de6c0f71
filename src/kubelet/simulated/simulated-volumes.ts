/**
 * The volumes of a simulated node's pods: a pod with claims does not start before its claims are
 * bound, and those volumes that must be attached are. Nothing is mounted.
 *
 *   claim bound ─▶ node says that it uses the volume ─▶ node is told that it is attached ─▶ start
 *   pod has ended ─▶ node does not use it any more
 *
 * Upstream: pkg/kubelet/volumemanager, v1.36.
 */
import { NODE } from '#api/core/node.ts';
import { PERSISTENT_VOLUME } from '#api/core/persistent-volume.ts';
import { PERSISTENT_VOLUME_CLAIM } from '#api/core/persistent-volume-claim.ts';
import { claimsOf, foreignClaim, type PodClaim } from '#api/core/pod-claims.ts';
import type { Node, Pod } from '#api/gen/core-v1.ts';
import type { CSIDriver } from '#api/gen/storage-v1.ts';
import { equalValues } from '#api/meta/equal.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { isNotFound } from '#api/meta/status.ts';
import { uniqueVolumeName } from '#api/storage/attachment-names.ts';
import { CSI_DRIVER } from '#api/storage/csi-driver.ts';
import { type Environment, sleep } from '#base/env.ts';
import type { Client, ResourceType } from '#client/client.ts';
import type { Informer } from '#client/informer.ts';

/** Nodes may not watch claims: they ask again. */
const RETRY_MS = 1_000;

export interface SimulatedVolumesOptions {
  readonly node: string;
  readonly client: Client;
  readonly environment: Environment;
  /** The cache of the node's own object. */
  readonly self: Informer<Node>;
  /** Aborted when the node dies. */
  readonly signal: AbortSignal;
}

export class SimulatedVolumes {
  readonly #options: SimulatedVolumesOptions;
  /** The volumes that each pod uses or waits for, by the pod's uid. */
  readonly #uses = new Map<string, readonly string[]>();
  /** What the node used before this kubelet started, while it does not know yet which pods do. */
  #before: readonly string[];
  #posted: readonly string[];
  /** At which revision of the node; an older one in the cache says nothing of these volumes. */
  #postedRevision = 0;
  #posting: Promise<void> = Promise.resolve();
  readonly #waiting = new Set<() => void>();

  constructor(options: SimulatedVolumesOptions) {
    this.#options = options;
    this.#before = options.self.get(options.node)?.status?.volumesInUse ?? [];
    this.#posted = this.#before;
    options.self.onChange(() => this.#wake());
    options.signal.addEventListener('abort', () => this.#wake());
  }

  /** The node knows all its pods: what none of them uses is let go. */
  async recovered(): Promise<void> {
    this.#before = [];
    await this.#report();
  }

  /** The pod ran already when this kubelet started. */
  async adopt(pod: Pod): Promise<void> {
    if (claimsOf(pod).length === 0) return;
    const uid = pod.metadata?.uid ?? '';
    this.#uses.set(uid, this.#before);
    const names = await this.#resolved(pod, () => this.#uses.has(uid));
    if (names === undefined || !this.#uses.has(uid)) return;
    this.#uses.set(uid, names);
    await this.#report();
  }

  /** Resolves when the pod may start, or `signal` is aborted. */
  async mounted(pod: Pod, signal: AbortSignal): Promise<void> {
    if (claimsOf(pod).length === 0) return;
    const names = await this.#resolved(pod, () => !signal.aborted);
    if (names === undefined || names.length === 0 || signal.aborted) return;
    this.#uses.set(pod.metadata?.uid ?? '', names);
    await this.#report();
    while (!signal.aborted && !this.#areAttached(names)) await this.#changed(signal);
  }

  /** The pod has ended. */
  async released(uid: string): Promise<void> {
    if (this.#uses.delete(uid)) await this.#report();
  }

  #areAttached(names: readonly string[]): boolean {
    const { self, node } = this.#options;
    if (self.resourceVersion < this.#postedRevision) return false;
    const attached = self.get(node)?.status?.volumesAttached ?? [];
    return names.every((name) => attached.some((each) => each.name === name));
  }

  /** What the pod needs attached, as soon as its claims are bound; undefined: it gave up. */
  async #resolved(pod: Pod, isNeeded: () => boolean): Promise<string[] | undefined> {
    const { environment, node, signal } = this.#options;
    const isNew = pod.status?.phase !== 'Running';
    while (isNeeded() && !signal.aborted) {
      try {
        const claims = claimsOf(pod);
        const found = await Promise.all(claims.map((claim) => this.#volumeOf(pod, claim, isNew)));
        return found.flat();
      } catch (error) {
        environment.log.debug('simulated pod waits for its volumes', {
          node,
          pod: pod.metadata?.name,
          error: String(error),
        });
        await sleep(environment, RETRY_MS, signal);
      }
    }
    return undefined;
  }

  /** The volume of a claim, if it must be attached. Throws while the claim cannot be used. */
  async #volumeOf(pod: Pod, { name, isEphemeral }: PodClaim, isNew: boolean): Promise<string[]> {
    const { client } = this.#options;
    const claim = await client.get(PERSISTENT_VOLUME_CLAIM, name, pod.metadata?.namespace);
    const foreign = isEphemeral ? foreignClaim(pod, claim) : undefined;
    if (foreign !== undefined) throw new Error(foreign);
    if (isNew && claim.metadata?.deletionTimestamp !== undefined)
      throw new Error('PVC is being deleted');
    const volumeName = claim.spec?.volumeName ?? '';
    if (claim.status?.phase !== 'Bound' || volumeName === '') throw new Error('PVC is not bound');
    const volume = await client.get(PERSISTENT_VOLUME, volumeName);
    if (volume.spec?.claimRef?.uid !== claim.metadata?.uid)
      throw new Error(`PV ${volumeName} is bound to another PVC`);
    if (volume.spec?.csi === undefined) return [];
    const driver = await this.#find<CSIDriver>(CSI_DRIVER, volume.spec.csi.driver);
    return driver?.spec?.attachRequired === false ? [] : [uniqueVolumeName(volume.spec.csi)];
  }

  async #find<T extends KubeObject>(type: ResourceType<T>, name: string): Promise<T | undefined> {
    try {
      return await this.#options.client.get(type, name);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** Says what the node uses; one report after the other. Resolves when it has been said. */
  #report(): Promise<void> {
    this.#posting = this.#posting.then(() => this.#post());
    return this.#posting;
  }

  async #post(): Promise<void> {
    const { client, environment, node, signal } = this.#options;
    while (!signal.aborted) {
      const all = [...this.#before, ...[...this.#uses.values()].flat()];
      const volumesInUse = [...new Set(all)].toSorted();
      if (equalValues(volumesInUse, this.#posted)) return;
      try {
        const patch = { status: { volumesInUse } };
        const options = { subresource: 'status' } as const;
        const { metadata } = await client.patch(NODE, { name: node }, 'merge', patch, options);
        this.#posted = volumesInUse;
        this.#postedRevision = Number(metadata?.resourceVersion ?? 0);
        return;
      } catch (error) {
        environment.log.debug('simulated node cannot report', { node, error: String(error) });
        await sleep(environment, RETRY_MS, signal);
      }
    }
  }

  /** Resolves with the next news of the node, or when `signal` is aborted. */
  #changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiting.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#waiting.add(done);
      signal.addEventListener('abort', done);
    });
  }

  #wake(): void {
    for (const done of this.#waiting) done();
  }
}
