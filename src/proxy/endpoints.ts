/**
 * Which endpoints a Service port sends to, from its EndpointSlices.
 *
 * Upstream: pkg/proxy/topology.go and pkg/proxy/endpointslicecache.go, v1.36; KEP-1669 (terminating
 * endpoints).
 */
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';

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
  readonly ready: boolean;
  /** Terminating, but still answers: better than nothing. */
  readonly servesToTheEnd: boolean;
  readonly isLocal: boolean;
}

/** The IPv4 endpoints of the port named `portName`, sorted, each once. */
export function endpointsOf(
  slices: Iterable<EndpointSlice>,
  port: { readonly name: string; readonly protocol: string },
  nodeName: string,
): Endpoints {
  const candidates = candidatesOf(slices, port, nodeName);
  const cluster = usable(candidates);
  const local = usable(candidates.filter((candidate) => candidate.isLocal));
  return { cluster, local, any: cluster.length > 0 || local.length > 0 };
}

function candidatesOf(
  slices: Iterable<EndpointSlice>,
  wanted: { readonly name: string; readonly protocol: string },
  nodeName: string,
): Candidate[] {
  const found = new Map<string, Candidate>();
  for (const slice of slices) {
    if (slice.addressType !== 'IPv4') continue;
    const port = (slice.ports ?? []).find(
      ({ name, protocol }) =>
        (name ?? '') === wanted.name && (protocol ?? 'TCP') === wanted.protocol,
    )?.port;
    if (port === undefined) continue;
    for (const { addresses, conditions = {}, nodeName: on } of slice.endpoints ?? []) {
      const address = addresses[0];
      if (address === undefined) continue;
      const terminating = conditions.terminating === true;
      const ready = conditions.ready !== false && !terminating;
      // Two slices may hold one endpoint while it moves between them: the better word counts.
      const key = `${address}:${port}`;
      if (found.get(key)?.ready === true) continue;
      const servesToTheEnd = terminating && (conditions.serving ?? conditions.ready !== false);
      found.set(key, { address, port, ready, servesToTheEnd, isLocal: on === nodeName });
    }
  }
  return [...found.values()];
}

/** The ready ones; when there are none, those that terminate but still serve. */
function usable(candidates: readonly Candidate[]): Target[] {
  const ready = candidates.filter((candidate) => candidate.ready);
  const chosen =
    ready.length > 0 ? ready : candidates.filter((candidate) => candidate.servesToTheEnd);
  return chosen
    .map(({ address, port }) => ({ address, port }))
    .toSorted((a, b) =>
      a.address === b.address ? a.port - b.port : a.address < b.address ? -1 : 1,
    );
}
