/**
 * Topology-aware hints: endpoints are given to zones in proportion to the processors of their nodes,
 * so that traffic stays in its zone while no endpoint gets a fifth more than its share.
 *
 *   endpoints ─▶ each to its own zone ─▶ zones with too many give to those with too few ─▶ hints
 *
 * Services ask for it by an annotation. What zones are given is remembered: when nodes come and go,
 * Services whose endpoints would be overloaded are looked at again.
 *
 * Upstream: staging/src/k8s.io/endpointslice/topologycache, v1.36; KEP-2433.
 */
import { quantityMilli } from '#api/codec/quantity.ts';
import type { Node, Service } from '#api/gen/core-v1.ts';
import type { Endpoint, EndpointSlice } from '#api/gen/discovery-v1.ts';
import type { EventRequest } from '#client/events.ts';
import { nodeCondition } from '../shared/nodes.ts';

/** How much more than its share an endpoint may get. */
const OVERLOAD = 0.2;
const ZONE = 'topology.kubernetes.io/zone';
const MODE = 'service.kubernetes.io/topology-mode';
const OLD_MODE = 'service.kubernetes.io/topology-aware-hints';
const CONTROL_PLANE = ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master'];

export type Told = Pick<EventRequest, 'type' | 'reason' | 'message'>;

/** The slices of one family of addresses, before their hints. */
export interface Unhinted {
  readonly family: string;
  readonly creates: readonly EndpointSlice[];
  readonly updates: readonly EndpointSlice[];
  /** Those that need no write but for their hints. */
  readonly unchanged: readonly EndpointSlice[];
}

export type Hinted = Pick<Unhinted, 'creates' | 'updates'>;

/** How many endpoints a zone is to get. */
interface Allocation {
  readonly minimum: number;
  readonly maximum: number;
  readonly desired: number;
}

type Counts = ReadonlyMap<string, number>;

export function wantsTopology({ metadata }: Service): boolean {
  const annotations = metadata?.annotations ?? {};
  const mode = annotations[OLD_MODE] ?? annotations[MODE];
  return mode === 'Auto' || mode === 'auto';
}

export class TopologyHints {
  readonly #nodes: () => readonly Node[];
  /** The share of each zone in the cluster's processors; undefined: there are none to go by. */
  #ratios: Counts | undefined;
  #isStale = true;
  /** By the key of the Service and the family of addresses, what its zones were given. */
  readonly #given = new Map<string, Map<string, Counts>>();
  /** The keys of Services that were told that they have hints. */
  readonly #enabled = new Set<string>();

  constructor(nodes: () => readonly Node[]) {
    this.#nodes = nodes;
  }

  /** Answers the keys of the Services that must be looked at again. */
  nodesChanged(): string[] {
    this.#isStale = true;
    if (this.#given.size === 0) return [];
    const ratios = this.#shares();
    return [...this.#given].flatMap(([key, families]) =>
      [...families.values()].some((counts) => isOverloaded(counts, ratios)) ? [key] : [],
    );
  }

  /** The slices with their hints; those that cannot have any lose them. */
  hint(key: string, slices: Unhinted, tell: (told: Told) => void): Hinted {
    const all = [...slices.creates, ...slices.updates, ...slices.unchanged];
    const ready = all.flatMap(({ endpoints }) => endpoints ?? []).filter(isReady).length;
    const allocations = allocationsOf(this.#shares(), ready);
    const outcome = typeof allocations === 'string' ? allocations : hinted(slices, allocations);
    if (typeof outcome === 'string') {
      this.#forget(key, slices.family);
      tell(disabled(outcome, slices.family));
      return unhinted(slices);
    }
    const families = this.#given.get(key) ?? new Map<string, Counts>();
    this.#given.set(key, families.set(slices.family, outcome.given));
    if (!this.#enabled.has(key)) {
      this.#enabled.add(key);
      const message = `Topology Aware Hints has been enabled, addressType: ${slices.family}`;
      tell({ type: 'Normal', reason: 'TopologyAwareHintsEnabled', message });
    }
    return outcome;
  }

  /** The Service asks for no hints, or not any more. */
  remove(key: string, family: string, tell: (told: Told) => void): void {
    if (this.#enabled.has(key)) tell(disabled('Topology Aware Hints has been disabled', family));
    this.#forget(key, family);
  }

  /** The Service is gone. */
  gone(key: string): void {
    this.#given.delete(key);
    this.#enabled.delete(key);
  }

  #forget(key: string, family: string): void {
    const families = this.#given.get(key);
    families?.delete(family);
    if (families?.size === 0) this.#given.delete(key);
    this.#enabled.delete(key);
  }

  #shares(): Counts | undefined {
    if (this.#isStale) this.#ratios = sharesOf(this.#nodes());
    this.#isStale = false;
    return this.#ratios;
  }
}

function disabled(why: string, family: string): Told {
  const message = `${why}, addressType: ${family}`;
  return { type: 'Warning', reason: 'TopologyAwareHintsDisabled', message };
}

/** Of nodes that are ready and no control plane; one of them without zone spoils it for all. */
function sharesOf(nodes: readonly Node[]): Counts | undefined {
  const milli = new Map<string, number>();
  let total = 0;
  for (const node of nodes) {
    const labels = node.metadata?.labels ?? {};
    if (CONTROL_PLANE.some((name) => labels[name] !== undefined)) continue;
    if (nodeCondition(node, 'Ready')?.status !== 'True') continue;
    const zone = labels[ZONE] ?? '';
    const cpu = quantityMilli(node.status?.allocatable?.['cpu'] ?? '0');
    if (zone === '' || cpu === 0) return undefined;
    total += cpu;
    milli.set(zone, (milli.get(zone) ?? 0) + cpu);
  }
  if (milli.size < 2) return undefined;
  const zones = [...milli].sort(([a], [b]) => (a < b ? -1 : 1));
  return new Map(zones.map(([zone, cpu]) => [zone, cpu / total]));
}

/** The least that keeps each of a zone's endpoints from more than its share and `OVERLOAD`. */
function leastOf(desired: number): number {
  return Math.ceil(desired * (1 / (1 + OVERLOAD)));
}

/** Or why there can be none. */
function allocationsOf(
  shares: Counts | undefined,
  endpoints: number,
): ReadonlyMap<string, Allocation> | string {
  if (shares === undefined)
    return 'Insufficient Node information: allocatable CPU or zone not specified on one or more nodes';
  const counts = `(${endpoints} endpoints, ${shares.size} zones)`;
  if (shares.size > endpoints) return `Insufficient number of endpoints ${counts}`;
  const zones = [...shares].map(([zone, share]) => {
    const desired = share * endpoints;
    const minimum = leastOf(desired);
    return { zone, minimum, desired: Math.max(desired, minimum) };
  });
  const spare = endpoints - zones.reduce((sum, { minimum }) => sum + minimum, 0);
  if (spare < 0)
    return `Unable to allocate minimum required endpoints to each zone without exceeding overload threshold ${counts}`;
  return new Map(
    zones.map(({ zone, minimum, desired }) => [
      zone,
      { minimum, desired, maximum: minimum + spare },
    ]),
  );
}

function hinted(
  { creates, updates, unchanged }: Unhinted,
  allocations: ReadonlyMap<string, Allocation>,
): (Hinted & { readonly given: Counts }) | string {
  const given = new Map<string, number>();
  const add = (zone: string, count: number): void =>
    void given.set(zone, (given.get(zone) ?? 0) + count);
  const redone = unchanged.filter((slice) => {
    const counts = hintsOf(slice, given, allocations);
    for (const [zone, count] of counts ?? []) add(zone, count);
    return counts === undefined;
  });
  const written = [...creates, ...updates, ...redone].map(copyOf);
  const endpoints = written.flatMap((slice) => slice.endpoints).filter(isReady);
  for (const endpoint of endpoints) {
    const { zone = '' } = endpoint;
    if (zone === '') return 'One or more endpoints do not have a zone specified';
    endpoint.hints = { forZones: [{ name: zone }] };
    add(zone, 1);
  }
  redistribute(endpoints, transfersOf(allocations, given), add);
  return {
    creates: written.slice(0, creates.length),
    updates: written.slice(creates.length),
    given,
  };
}

/** The hints of a slice by zone; undefined: it must be written anew. */
function hintsOf(
  { endpoints }: EndpointSlice,
  given: Counts,
  allocations: ReadonlyMap<string, Allocation>,
): Counts | undefined {
  const counts = new Map<string, number>();
  for (const { hints } of (endpoints ?? []).filter(isReady)) {
    const zones = hints?.forZones ?? [];
    if (zones.length === 0) return undefined;
    for (const { name } of zones) {
      const count = (counts.get(name) ?? 0) + 1;
      if (count + (given.get(name) ?? 0) > (allocations.get(name)?.maximum ?? 0)) return undefined;
      counts.set(name, count);
    }
  }
  return counts;
}

interface Transfers {
  /** How many endpoints each zone gives to others, and gets from others. */
  readonly giving: Map<string, number>;
  readonly receiving: Map<string, number>;
}

function transfersOf(allocations: ReadonlyMap<string, Allocation>, given: Counts): Transfers {
  const surplus = new Map<string, number>();
  const lack = new Map<string, number>();
  for (const [zone, { desired }] of allocations) {
    const difference = (given.get(zone) ?? 0) - desired;
    if (difference > 0) surplus.set(zone, difference);
    else if (difference < 0) lack.set(zone, -difference);
  }
  const transfers: Transfers = { giving: new Map(), receiving: new Map() };
  for (;;) {
    const [giver, toGive] = most(surplus);
    const [receiver, toReceive] = most(lack);
    // Half an endpoint on both sides is not worth a transfer.
    if (toGive < 0.5 || toReceive < 0.5 || (toGive < 1 && toReceive < 1)) return transfers;
    surplus.set(giver, toGive - 1);
    lack.set(receiver, toReceive - 1);
    transfers.giving.set(giver, (transfers.giving.get(giver) ?? 0) + 1);
    transfers.receiving.set(receiver, (transfers.receiving.get(receiver) ?? 0) + 1);
  }
}

function most(zones: Counts): [zone: string, count: number] {
  let best: [string, number] = ['', 0];
  for (const [zone, count] of zones) if (count > best[1]) best = [zone, count];
  return best;
}

function redistribute(
  endpoints: readonly Endpoint[],
  { giving, receiving }: Transfers,
  add: (zone: string, count: number) => void,
): void {
  for (const endpoint of endpoints) {
    const { zone = '' } = endpoint;
    const left = giving.get(zone) ?? 0;
    const [receiver, wanted] = receiving.entries().next().value ?? ['', 0];
    if (left === 0 || wanted === 0) continue;
    endpoint.hints = { forZones: [{ name: receiver }] };
    giving.set(zone, left - 1);
    if (wanted === 1) receiving.delete(receiver);
    else receiving.set(receiver, wanted - 1);
    add(receiver, 1);
    add(zone, -1);
  }
}

/** Without hints; those that had some are written too. */
function unhinted({ creates, updates, unchanged }: Unhinted): Hinted {
  const bare = (slice: EndpointSlice): EndpointSlice => ({
    ...slice,
    endpoints: (slice.endpoints ?? []).map(withoutHints),
  });
  const redone = unchanged.filter(({ endpoints }) =>
    endpoints?.some(({ hints }) => hints !== undefined),
  );
  return { creates: creates.map(bare), updates: [...updates, ...redone].map(bare) };
}

/** Whether a zone has fewer endpoints than its share of nodes needs. */
function isOverloaded(given: Counts, shares: Counts | undefined): boolean {
  if (given.size === 0) return false;
  if (shares === undefined) return true;
  const total = given.values().reduce((sum, count) => sum + count, 0);
  return [...shares].some(([zone, share]) => {
    const count = given.get(zone);
    return count === undefined || count < leastOf(total * share);
  });
}

export function withoutHints(endpoint: Endpoint): Endpoint {
  const bare = { ...endpoint };
  delete bare.hints;
  return bare;
}

function isReady({ conditions }: Endpoint): boolean {
  return conditions?.ready === true;
}

function copyOf(slice: EndpointSlice): EndpointSlice {
  return { ...slice, endpoints: (slice.endpoints ?? []).map((endpoint) => ({ ...endpoint })) };
}
