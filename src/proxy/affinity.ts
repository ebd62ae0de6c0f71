/**
 * Session affinity: which remembered clients must be forgotten.
 *
 * The kernel fills the map `affinity` itself (client, address, protocol, port to endpoint). When an
 * endpoint goes, the clients that stuck to it would be sent to nowhere until they are forgotten.
 */
import type { Elements } from '#base/nftables/elements.ts';

/** Where to look for the endpoints of `address . protocol . port`, or of `protocol . port`. */
const ENDPOINT_MAPS = [
  'endpoints',
  'outside_endpoints',
  'node_endpoints',
  'outside_node_endpoints',
] as const;

/**
 * The keys, as nft writes them, of remembered clients whose endpoint is no longer one of the place
 * that they asked. `json`: what `nft -j list map ip <table> affinity` printed.
 */
export function forgottenClients(json: string, elements: Elements): string[] {
  return split(rememberedClients(json), elements).lost.map(({ key }) => key.join(' . '));
}

/** Those of the listing that shall be known after the table was written anew. */
export function keptClients(json: string, elements: Elements): RememberedClient[] {
  return split(rememberedClients(json), elements).kept.filter(
    ({ expiresSeconds }) => expiresSeconds > 0,
  );
}

function split(
  clients: readonly RememberedClient[],
  elements: Elements,
): { kept: RememberedClient[]; lost: RememberedClient[] } {
  const endpoints = endpointsByPlace(elements);
  const isKept = ({ key: [, address, protocol, port], target }: RememberedClient): boolean =>
    endpoints.get(`${address} . ${protocol} . ${port}`)?.has(target) === true ||
    endpoints.get(`${protocol} . ${port}`)?.has(target) === true;
  return { kept: clients.filter(isKept), lost: clients.filter((client) => !isKept(client)) };
}

function endpointsByPlace(elements: Elements): Map<string, Set<string>> {
  const places = new Map<string, Set<string>>();
  for (const map of ENDPOINT_MAPS) {
    for (const [key, value] of elements.entries(map)) {
      const place = key.slice(0, key.lastIndexOf(' . '));
      const targets = places.get(place) ?? new Set();
      places.set(place, targets.add(value));
    }
  }
  return places;
}

/** A client and the endpoint it sticks to. */
export interface RememberedClient {
  readonly key: readonly [client: string, address: string, protocol: string, port: string];
  /** `address . port`. */
  readonly target: string;
  readonly timeoutSeconds: number;
  /** What is left of it. */
  readonly expiresSeconds: number;
}

/** All clients in the listing; libnftables-json(5): [{elem: {val: {concat: key}, timeout, expires}}, value]. */
function rememberedClients(json: string): RememberedClient[] {
  const listing = JSON.parse(json) as { nftables?: { map?: { elem?: unknown[] } }[] };
  const found: RememberedClient[] = [];
  for (const { map } of listing.nftables ?? []) {
    for (const entry of map?.elem ?? []) {
      const [name, value] = Array.isArray(entry) ? entry : [];
      const elem = (
        name as { elem?: { val?: unknown; timeout?: number; expires?: number } } | undefined
      )?.elem;
      const [client, address, protocol, port] = concatOf(elem?.val);
      if (
        client === undefined ||
        address === undefined ||
        protocol === undefined ||
        port === undefined
      )
        continue;
      found.push({
        key: [client, address, protocol, port],
        target: concatOf(value).join(' . '),
        timeoutSeconds: elem?.timeout ?? 0,
        expiresSeconds: elem?.expires ?? 0,
      });
    }
  }
  return found;
}

function concatOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return 'concat' in value && Array.isArray(value.concat) ? value.concat.map(String) : [];
}
