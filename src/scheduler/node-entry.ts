/** One node of the snapshot, and the sums of what is on it. */
import { quantityValue } from '#api/codec/quantity.ts';
import type { Node, Taint } from '#api/gen/core-v1.ts';
import type { HostPort } from '#api/core/host-ports.ts';
import type { Amounts, NodeInfo, PodInfo } from './framework.ts';
import { addAmounts, amountsOf, type MutableAmounts } from './resources.ts';

const NO_LABELS: Readonly<Record<string, string>> = Object.freeze({});

export class NodeEntry implements NodeInfo {
  readonly name: string;
  node: Node = {};
  labels: Readonly<Record<string, string>> = NO_LABELS;
  hardTaints: Taint[] = [];
  softTaints: Taint[] = [];
  unschedulable = false;
  allocatable: Amounts = amountsOf({});
  podsMax = 0;
  images: ReadonlyMap<string, number> = new Map();
  readonly pods: Map<string, PodInfo>;
  readonly requested: MutableAmounts;
  readonly nonZeroRequested: { cpu: number; memory: number };
  readonly ports: Map<string, number>;
  /** Grows with each change. */
  version = 0;
  /** What `with` answered last, until something changes. */
  #full: { readonly guests: readonly PodInfo[]; readonly entry: NodeEntry } | undefined;

  constructor(name: string, from?: NodeEntry) {
    this.name = name;
    this.pods = new Map(from?.pods);
    this.requested = from
      ? { ...from.requested, others: new Map(from.requested.others) }
      : { cpu: 0, memory: 0, ephemeralStorage: 0, others: new Map() };
    this.nonZeroRequested = from ? { ...from.nonZeroRequested } : { cpu: 0, memory: 0 };
    this.ports = new Map(from?.ports);
  }

  /** A copy whose pods can be changed: for "what if". */
  fork(): NodeEntry {
    const copy = new NodeEntry(this.name, this);
    copy.node = this.node;
    copy.labels = this.labels;
    copy.hardTaints = this.hardTaints;
    copy.softTaints = this.softTaints;
    copy.unschedulable = this.unschedulable;
    copy.allocatable = this.allocatable;
    copy.podsMax = this.podsMax;
    copy.images = this.images;
    return copy;
  }

  /**
   * The node as if these pods were on it, too: not to be changed. Many pods ask for the same ones
   * before anything changes.
   */
  with(guests: readonly PodInfo[]): NodeEntry {
    if (this.#full?.guests === guests) return this.#full.entry;
    const entry = this.fork();
    for (const guest of guests) entry.add(guest);
    this.#full = { guests, entry };
    return entry;
  }

  #changed(): void {
    this.version += 1;
    this.#full = undefined;
  }

  /** Takes over what the API says of the node. */
  set(node: Node): void {
    this.#changed();
    this.node = node;
    this.labels = node.metadata?.labels ?? NO_LABELS;
    const taints = node.spec?.taints ?? [];
    this.hardTaints = taints.filter(({ effect }) => effect !== 'PreferNoSchedule');
    this.softTaints = taints.filter(({ effect }) => effect === 'PreferNoSchedule');
    this.unschedulable = node.spec?.unschedulable === true;
    const quantities = node.status?.allocatable ?? node.status?.capacity ?? {};
    this.allocatable = amountsOf(quantities);
    this.podsMax = quantityValue(quantities['pods'] ?? '0');
    this.images = imagesOf(node);
  }

  add(pod: PodInfo): void {
    this.#changed();
    this.pods.set(pod.key, pod);
    this.#sum(pod, 1);
  }

  remove(pod: PodInfo): void {
    this.#changed();
    if (this.pods.delete(pod.key)) this.#sum(pod, -1);
  }

  /** The same pod with a newer status. */
  replace(pod: PodInfo): void {
    this.#changed();
    this.pods.set(pod.key, pod);
  }

  #sum(pod: PodInfo, sign: 1 | -1): void {
    addAmounts(this.requested, pod.requests, sign);
    this.nonZeroRequested.cpu += sign * pod.nonZeroRequests.cpu;
    this.nonZeroRequested.memory += sign * pod.nonZeroRequests.memory;
    for (const port of pod.ports) {
      const key = portKey(port);
      const users = (this.ports.get(key) ?? 0) + sign;
      if (users > 0) this.ports.set(key, users);
      else this.ports.delete(key);
    }
  }
}

function portKey({ protocol, ip, port }: HostPort): string {
  return `${protocol}/${ip}/${port}`;
}

/** An image without a tag means the latest. */
export function normalizedImageName(name: string): string {
  return name.lastIndexOf(':') <= name.lastIndexOf('/') ? `${name}:latest` : name;
}

function imagesOf(node: Node): ReadonlyMap<string, number> {
  const images = new Map<string, number>();
  for (const { names, sizeBytes } of node.status?.images ?? [])
    for (const name of names ?? []) images.set(name, Number(sizeBytes ?? 0));
  return images;
}
