/**
 * What runs on the node, as last seen: one observation for each pod, kept by events and listings.
 *
 *   event of the runtime ─▶ refresh(pod) ─┐
 *   own action           ─▶ refresh(pod) ─┼─▶ observation ─▶ onChange(uid)
 *   now and then         ─▶ relist()     ─┘
 *
 * A look that began earlier never overwrites one that began later: each has a number, and a pod
 * remembers the number of what it was last seen by. Upstream: pkg/kubelet/pleg, v1.36.
 */
import type * as m from '#api/gen/cri-v1.ts';
import { equalJson } from '#api/meta/equal.ts';
import { emptyObservation, type ObservedContainer, type ObservedPod } from '../pod/observed.ts';
import type { Cri } from './cri.ts';
import { CONTAINER_STATE, SANDBOX_STATE } from './enums.ts';
import { POD_NAME_LABEL, POD_NAMESPACE_LABEL, POD_UID_LABEL } from './labels.ts';
import { observedContainer, observedSandbox } from './observe.ts';

interface Entry {
  readonly observed: ObservedPod;
  /** Number of the look that made it. */
  readonly look: number;
  /** What the listing said: a pod whose listing is the same has not changed. */
  readonly fingerprint: string;
}

interface Listing {
  readonly sandboxes: readonly m.PodSandbox[];
  readonly containers: readonly m.Container[];
}

const EMPTY_LISTING: Listing = { sandboxes: [], containers: [] };

export interface RuntimeCacheOptions {
  readonly cri: Cri;
  /** Reads the termination message of a container that exited. */
  readonly terminationMessage: (status: m.ContainerStatus) => Promise<string>;
  /** Told after the observation of a pod has changed. */
  readonly onChange: (uid: string) => void;
}

export class RuntimeCache {
  readonly #options: RuntimeCacheOptions;
  readonly #entries = new Map<string, Entry>();
  #looks = 0;

  constructor(options: RuntimeCacheOptions) {
    this.#options = options;
  }

  get(uid: string): ObservedPod {
    return this.#entries.get(uid)?.observed ?? emptyObservation(uid, '', '');
  }

  list(): ObservedPod[] {
    return [...this.#entries.values()].map(({ observed }) => observed);
  }

  /** Which pod a container or sandbox belongs to. */
  podOf(id: string): string | undefined {
    for (const { observed } of this.#entries.values()) {
      const all = [...observed.containers, ...observed.sandboxes];
      if (all.some((one) => one.id === id)) return observed.uid;
    }
    return undefined;
  }

  /** Lists everything; asks for details of the pods that changed. */
  async relist(): Promise<void> {
    const look = ++this.#looks;
    const { cri } = this.#options;
    const [sandboxes, containers] = await Promise.all([
      cri.call('listPodSandbox', {}),
      cri.call('listContainers', {}),
    ]);
    const listings = byPod(sandboxes.items ?? [], containers.containers ?? []);
    for (const uid of this.#entries.keys()) {
      if (!listings.has(uid)) listings.set(uid, EMPTY_LISTING);
    }
    await Promise.all([...listings].map(([uid, listing]) => this.#update(uid, listing, look)));
  }

  /**
   * Looks at one pod now. Gives what is known after that. `closely`: also what no listing shows,
   * such as the resources of containers.
   */
  async refresh(uid: string, { closely = false } = {}): Promise<ObservedPod> {
    const look = ++this.#looks;
    const { cri } = this.#options;
    const filter = { labelSelector: { [POD_UID_LABEL]: uid } };
    const [sandboxes, containers] = await Promise.all([
      cri.call('listPodSandbox', { filter }),
      cri.call('listContainers', { filter }),
    ]);
    const listings = byPod(sandboxes.items ?? [], containers.containers ?? []);
    await this.#update(uid, listings.get(uid) ?? EMPTY_LISTING, look, closely);
    return this.get(uid);
  }

  async #update(uid: string, listing: Listing, look: number, closely = false): Promise<void> {
    const before = this.#entries.get(uid);
    const fingerprint = fingerprintOf(listing);
    if (before?.fingerprint === fingerprint && !closely) return;
    if (before === undefined && listing === EMPTY_LISTING) return;
    const observed = await this.#observe(uid, listing, before?.observed);
    if (observed === undefined) return;
    const now = this.#entries.get(uid);
    if (now !== undefined && now.look > look) return;
    // A close look that saw nothing new wakes nobody.
    if (now?.fingerprint === fingerprint && equalJson(now.observed, observed)) return;
    if (observed.sandboxes.length + observed.containers.length === 0) this.#entries.delete(uid);
    else this.#entries.set(uid, { observed, look, fingerprint });
    this.#options.onChange(uid);
  }

  /** Undefined when something vanished between the listing and the question for details. */
  async #observe(
    uid: string,
    listing: Listing,
    before: ObservedPod | undefined,
  ): Promise<ObservedPod | undefined> {
    const { cri } = this.#options;
    try {
      const sandboxes = await Promise.all(
        listing.sandboxes.map(async (sandbox) => {
          const known = before?.sandboxes.find(({ id }) => id === sandbox.id);
          const ready = (sandbox.state ?? SANDBOX_STATE.ready) === SANDBOX_STATE.ready;
          if (known !== undefined && known.ready === ready) return known;
          const answer = await cri.call('podSandboxStatus', { podSandboxId: sandbox.id ?? '' });
          return observedSandbox(answer.status ?? {});
        }),
      );
      const containers = await Promise.all(
        listing.containers.map((container) => this.#observeContainer(container, before)),
      );
      const labels = (listing.sandboxes[0] ?? listing.containers[0])?.labels ?? {};
      return {
        uid,
        name: labels[POD_NAME_LABEL] ?? before?.name ?? '',
        namespace: labels[POD_NAMESPACE_LABEL] ?? before?.namespace ?? '',
        sandboxes: sandboxes.toSorted((a, b) => b.createdMs - a.createdMs),
        containers: containers.toSorted((a, b) => b.createdMs - a.createdMs),
      };
    } catch (error) {
      if (error instanceof Error && /not found/i.test(error.message)) return undefined;
      throw error;
    }
  }

  async #observeContainer(
    container: m.Container,
    before: ObservedPod | undefined,
  ): Promise<ObservedContainer> {
    const known = before?.containers.find(({ id }) => id === container.id);
    const exited = container.state === CONTAINER_STATE.exited;
    if (known?.state === 'exited' && exited) return known;
    const { cri, terminationMessage } = this.#options;
    const answer = await cri.call('containerStatus', { containerId: container.id ?? '' });
    const status = answer.status ?? {};
    const ended = status.state === CONTAINER_STATE.exited;
    const message = ended ? await terminationMessage(status) : '';
    return observedContainer(status, container.podSandboxId ?? '', message);
  }
}

function byPod(
  sandboxes: readonly m.PodSandbox[],
  containers: readonly m.Container[],
): Map<string, Listing> {
  const found = new Map<string, { sandboxes: m.PodSandbox[]; containers: m.Container[] }>();
  const of = (labels: Readonly<Record<string, string>> | undefined) => {
    const uid = labels?.[POD_UID_LABEL];
    if (uid === undefined) return undefined;
    const listing = found.get(uid) ?? { sandboxes: [], containers: [] };
    found.set(uid, listing);
    return listing;
  };
  for (const sandbox of sandboxes) of(sandbox.labels)?.sandboxes.push(sandbox);
  for (const container of containers) of(container.labels)?.containers.push(container);
  return found;
}

function fingerprintOf({ sandboxes, containers }: Listing): string {
  return [...sandboxes, ...containers]
    .map(({ id, state }) => `${id}:${state ?? 0}`)
    .toSorted()
    .join(' ');
}
