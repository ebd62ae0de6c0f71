/**
 * What a pass over the EndpointSlices of one Service changes, in numbers, and the sums over all
 * Services.
 *
 * Upstream: staging/src/k8s.io/endpointslice/metrics/cache.go and
 * pkg/controller/endpointslicemirroring/metrics/cache.go, v1.36 (which do not count the endpoints
 * of a set of ports that is gone as removed; here all that go are).
 */
import type { Endpoint, EndpointSlice } from '#api/gen/discovery-v1.ts';
import { equalValues } from '#api/meta/equal.ts';

/** The slices that there are, and what is written. */
export interface SliceChange {
  readonly slices: readonly EndpointSlice[];
  readonly creates: readonly EndpointSlice[];
  /** Each of a slice that there is. */
  readonly updates: readonly EndpointSlice[];
  readonly deletes: readonly EndpointSlice[];
}

export interface EndpointChanges {
  readonly added: number;
  readonly updated: number;
  readonly removed: number;
}

/** Endpoints that come, change and go. */
export function endpointChanges(change: SliceChange): EndpointChanges {
  const before = endpointsOf(slicesToChange(change));
  const after = endpointsOf([...change.updates, ...change.creates]);
  const counts = { added: 0, updated: 0, removed: 0 };
  for (const [key, endpoint] of after) {
    const old = before.get(key);
    if (old === undefined) counts.added++;
    else if (!equalValues(old, endpoint)) counts.updated++;
  }
  for (const key of before.keys()) if (!after.has(key)) counts.removed++;
  return counts;
}

export interface Totals {
  readonly endpoints: number;
  readonly slices: number;
  /** Of full slices. */
  readonly wantedSlices: number;
}

/** What there is after the pass. `perSliceMax`: how many endpoints a full slice has. */
export function totalsAfter(change: SliceChange, perSliceMax: number): Totals {
  const slices = slicesAfter(change);
  const groups = Map.groupBy(slices, groupOf);
  const sizes = [...groups.values()].map((group) =>
    group.reduce((sum, { endpoints }) => sum + (endpoints ?? []).length, 0),
  );
  return {
    endpoints: sizes.reduce((sum, size) => sum + size, 0),
    slices: slices.length,
    wantedSlices: sizes.reduce((sum, size) => sum + Math.ceil(size / perSliceMax), 0),
  };
}

/** As they were; what is in the others neither comes nor goes. */
function slicesToChange({ slices, updates, deletes }: SliceChange): EndpointSlice[] {
  const names = new Set([...updates, ...deletes].map(nameOf));
  return slices.filter((slice) => names.has(nameOf(slice)));
}

function slicesAfter({ slices, creates, updates, deletes }: SliceChange): EndpointSlice[] {
  const gone = new Set(deletes.map(nameOf));
  const changed = new Map(updates.map((slice) => [nameOf(slice), slice]));
  const left = slices.filter((slice) => !gone.has(nameOf(slice)));
  return [...left.map((slice) => changed.get(nameOf(slice)) ?? slice), ...creates];
}

function endpointsOf(slices: readonly EndpointSlice[]): Map<string, Endpoint> {
  const entries = slices.flatMap((slice) => {
    const group = groupOf(slice);
    return (slice.endpoints ?? []).map((endpoint): [string, Endpoint] => {
      const { addresses, hostname, targetRef } = endpoint;
      const identity = [group, addresses, hostname, targetRef?.name, targetRef?.uid];
      return [JSON.stringify(identity), endpoint];
    });
  });
  return new Map(entries);
}

function nameOf({ metadata }: EndpointSlice): string {
  return metadata?.name ?? '';
}

/** Slices of one family of addresses and set of ports. */
function groupOf({ addressType, ports }: EndpointSlice): string {
  const texts = (ports ?? []).map(({ name = '', port, protocol = 'TCP', appProtocol = '' }) =>
    [name, port, protocol, appProtocol].join('/'),
  );
  return [addressType, ...texts.sort()].join(' ');
}

/** The value of a metric without labels: a sum over all entries, made when somebody looks. */
export function sumOver<T>(
  entries: ReadonlyMap<string, T>,
  of: (entry: T) => number,
): () => [string[], number][] {
  return () => [[[], entries.values().reduce((total, entry) => total + of(entry), 0)]];
}
