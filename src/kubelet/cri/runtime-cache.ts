/**
 * What runs on the node, as last seen: one observation for each pod, kept by events and listings.
 *
 *   event of the runtime ─▶ refresh(pod) ─┐
 *   own action           ─▶ refresh(pod) ─┼─▶ observation ─▶ onChange(uid)
 *   own start            ─▶ started(pod) ─┤
 *   now and then         ─▶ relist()     ─┘
 *
 * A look that began earlier never overwrites one that began later: each has a number, and a pod
 * remembers the number of what it was last seen by. A look at what was just started alone is no look
 * at the rest: where one of the others was under way at that time, all is looked at once more.
 * Upstream: pkg/kubelet/pleg, v1.36.
 */
import type { Pod } from '#api/gen/core-v1.ts';
import type * as m from '#api/gen/cri-v1.ts';
import { equalJson } from '#api/meta/equal.ts';
import { emptyObservation, type ObservedContainer, type ObservedPod } from '../pod/observed.ts';
import type { Cri } from './cri.ts';
import { CONTAINER_STATE, SANDBOX_STATE } from './enums.ts';
import { podLabels, POD_NAME_LABEL, POD_NAMESPACE_LABEL, POD_UID_LABEL } from './labels.ts';
import { observedContainer, observedSandbox } from './observe.ts';

interface Entry {
  readonly observed: ObservedPod;
  /** Number of the look that made it. */
  readonly look: number;
  /** What the listing said: a pod whose listing is the same has not changed. */
  readonly fingerprint: string;
  /** Only what had been started was looked at. */
  readonly isPart: boolean;
}

interface Look {
  /** One that begins later has a larger one. */
  readonly number: number;
  /** Also at what no listing shows. */
  readonly closely?: boolean;
  /** Only at what is not known yet. */
  readonly isPart?: boolean;
}

/** A sandbox or container that the runtime has just started, by its id. */
export type Started = { readonly sandboxId: string; readonly containerId?: string };

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
    const look = { number: ++this.#looks };
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
    const look = { number: ++this.#looks, closely };
    const { cri } = this.#options;
    const filter = { labelSelector: { [POD_UID_LABEL]: uid } };
    const [sandboxes, containers] = await Promise.all([
      cri.call('listPodSandbox', { filter }),
      cri.call('listContainers', { filter }),
    ]);
    const listings = byPod(sandboxes.items ?? [], containers.containers ?? []);
    await this.#update(uid, listings.get(uid) ?? EMPTY_LISTING, look);
    return this.get(uid);
  }

  /** Looks at what was just started of the pod, without a listing. Gives what is known after that. */
  async started(pod: Pod, { sandboxId, containerId }: Started): Promise<ObservedPod> {
    const look = { number: ++this.#looks, isPart: true };
    const labels = podLabels(pod);
    const uid = pod.metadata?.uid ?? '';
    const known = listingOf(this.get(uid));
    // An event of its creation may have shown it already, as it was before its start.
    const others = <T extends { id?: string }>(all: readonly T[], id: string): T[] =>
      all.filter((one) => one.id !== id);
    const listing =
      containerId === undefined
        ? {
            ...known,
            sandboxes: [...others(known.sandboxes, sandboxId), { id: sandboxId, labels }],
          }
        : {
            ...known,
            containers: [
              ...others(known.containers, containerId),
              { id: containerId, podSandboxId: sandboxId, state: CONTAINER_STATE.running, labels },
            ],
          };
    await this.#update(uid, listing, look);
    return this.get(uid);
  }

  async #update(uid: string, listing: Listing, look: Look): Promise<void> {
    const before = this.#entries.get(uid);
    const fingerprint = fingerprintOf(listing);
    const { number, closely = false, isPart = false } = look;
    if (before?.fingerprint === fingerprint && !closely) return;
    if (before === undefined && listing === EMPTY_LISTING) return;
    const observed = await this.#observe(uid, listing, { before: before?.observed, isPart });
    const now = this.#entries.get(uid);
    // Of two looks at the same time one saw not all, or began before what the other saw.
    const isLate = now !== undefined && now.look > number;
    const isCrossed = isPart ? now !== before : isLate && now.isPart;
    if (isCrossed || (isPart && observed === undefined)) return void (await this.refresh(uid));
    if (observed === undefined) return;
    if (isLate) return;
    // A close look that saw nothing new wakes nobody.
    if (now?.fingerprint === fingerprint && equalJson(now.observed, observed)) return;
    if (observed.sandboxes.length + observed.containers.length === 0) this.#entries.delete(uid);
    else this.#entries.set(uid, { observed, look: number, fingerprint, isPart });
    this.#options.onChange(uid);
  }

  /** Undefined when something vanished between the listing and the question for details. */
  async #observe(
    uid: string,
    listing: Listing,
    { before, isPart }: { readonly before: ObservedPod | undefined; readonly isPart: boolean },
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
        listing.containers.map((container) => this.#observeContainer(container, before, isPart)),
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
    isPart: boolean,
  ): Promise<ObservedContainer> {
    const known = before?.containers.find(({ id }) => id === container.id);
    const isStarted = known?.state === 'created' && container.state === CONTAINER_STATE.running;
    if (isPart && known !== undefined && !isStarted) return known;
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

/** What a listing would say of it now, as far as is known. */
function listingOf({ sandboxes, containers }: ObservedPod): Listing {
  return {
    sandboxes: sandboxes.map(({ id, ready }) => ({
      id,
      state: ready ? SANDBOX_STATE.ready : SANDBOX_STATE.notReady,
    })),
    containers: containers.map(({ id, sandboxId, state }) => ({
      id,
      podSandboxId: sandboxId,
      state: CONTAINER_STATE[state],
    })),
  };
}
