/**
 * Which endpoints a Service port sends to, from its EndpointSlices.
 *
 * Traffic that may go to any node stays near where the slices say for each endpoint who shall use
 * it (hints), and somebody may be used from here: on the node if all have hints for nodes, else in
 * the zone if all have hints for zones. Where one ready endpoint has none, hints are not looked at.
 *
 * Upstream: pkg/proxy/topology.go and pkg/proxy/endpointslicecache.go, v1.36; KEP-1669 (terminating
 * endpoints), KEP-2433 and KEP-3015 (hints).
 */
import type { EndpointConditions, EndpointHints, EndpointSlice } from '#api/gen/discovery-v1.ts';
import { addressesOf, type IpFamily, IP_FAMILIES, NAMES } from './ip-family.ts';

/** Where the asker is, and by which family it asks. */
export interface Place {
  readonly family: IpFamily;
  readonly node: string;
  /** The label `topology.kubernetes.io/zone` of the node; empty: it has none. */
  readonly zone: string;
}

export interface Target {
  readonly address: string;
  readonly port: number;
}

export interface Endpoints {
  /** For traffic that may go to any node. */
  readonly cluster: readonly Target[];
  /** On this node only. */
  readonly local: readonly Target[];
  /** True when there is any endpoint that could serve, here or elsewhere. */
  readonly any: boolean;
}

interface Candidate extends Target {
  readonly hints: EndpointHints;
  readonly ready: boolean;
  /** Terminating, but still answers: better than nothing. */
  readonly servesToTheEnd: boolean;
  readonly isLocal: boolean;
}

/** The endpoints of the port named `portName`, sorted, each once. */
export function endpointsOf(
  slices: Iterable<EndpointSlice>,
  port: { readonly name: string; readonly protocol: string },
  place: Place,
): Endpoints {
  const candidates = candidatesOf(slices, port, place);
  const cluster = usable(candidates, (ready) => near(ready, place));
  const local = usable(candidates.filter((candidate) => candidate.isLocal));
  return { cluster, local, any: cluster.length > 0 || local.length > 0 };
}

/** Those that the hints mean for `place`; all of them when hints do not decide. */
function near(ready: readonly Candidate[], { node, zone }: Place): readonly Candidate[] {
  for (const [list, name] of [
    ['forNodes', node],
    ['forZones', zone],
  ] as const) {
    const namesOf = ({ hints }: Candidate): readonly { name: string }[] => hints[list] ?? [];
    const meant = ready.filter((each) => namesOf(each).some((hint) => hint.name === name));
    if (meant.length > 0 && ready.every((each) => namesOf(each).length > 0)) return meant;
  }
  return ready;
}

/**
 * How many endpoints on this node are ready, whatever their ports. With two families a pod is in the
 * slices of both: the family that has more of them counts.
 */
export function localReadyCount(slices: readonly EndpointSlice[], nodeName: string): number {
  const addresses = (family: IpFamily): ReadonlySet<string> =>
    new Set(
      slices
        .filter(({ addressType }) => addressType === NAMES[family].slices)
        .flatMap((slice) => slice.endpoints ?? [])
        .filter(({ nodeName: on, conditions }) => on === nodeName && isReady(conditions))
        .flatMap((endpoint) => endpoint.addresses.slice(0, 1)),
    );
  return Math.max(...IP_FAMILIES.map((family) => addresses(family).size));
}

function isReady({ ready, terminating }: EndpointConditions = {}): boolean {
  return ready !== false && terminating !== true;
}

function candidatesOf(
  slices: Iterable<EndpointSlice>,
  wanted: { readonly name: string; readonly protocol: string },
  { family, node }: Place,
): Candidate[] {
  const found = new Map<string, Candidate>();
  for (const slice of slices) {
    if (slice.addressType !== NAMES[family].slices) continue;
    const port = (slice.ports ?? []).find(
      ({ name, protocol }) =>
        (name ?? '') === wanted.name && (protocol ?? 'TCP') === wanted.protocol,
    )?.port;
    if (port === undefined) continue;
    for (const { addresses, conditions = {}, nodeName: on, hints = {} } of slice.endpoints ?? []) {
      const [address] = addressesOf(addresses.slice(0, 1), family);
      if (address === undefined) continue;
      const terminating = conditions.terminating === true;
      const ready = isReady(conditions);
      // Two slices may hold one endpoint while it moves between them: the better word counts.
      const key = `${address}:${port}`;
      if (found.get(key)?.ready === true) continue;
      const servesToTheEnd = terminating && (conditions.serving ?? conditions.ready !== false);
      found.set(key, { address, port, hints, ready, servesToTheEnd, isLocal: on === node });
    }
  }
  return [...found.values()];
}

/** Of the ready ones those that are chosen; when there are none, those that terminate but still serve. */
function usable(
  candidates: readonly Candidate[],
  choose: (ready: readonly Candidate[]) => readonly Candidate[] = (ready) => ready,
): Target[] {
  const ready = candidates.filter((candidate) => candidate.ready);
  const chosen =
    ready.length > 0 ? choose(ready) : candidates.filter((candidate) => candidate.servesToTheEnd);
  return chosen
    .map(({ address, port }) => ({ address, port }))
    .toSorted((a, b) =>
      a.address === b.address ? a.port - b.port : a.address < b.address ? -1 : 1,
    );
}
