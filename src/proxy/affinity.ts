/**
 * Session affinity: which remembered clients must be forgotten.
 *
 * The kernel fills the map `affinity` itself (client, address, protocol, port to endpoint). When an
 * endpoint goes, the clients that stuck to it would be sent to nowhere until they are forgotten.
 */
import type { Elements } from './elements.ts';

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
  const endpoints = endpointsByPlace(elements);
  return remembered(json).flatMap(({ key: [client, address, protocol, port], target }) => {
    const here = endpoints.get(`${address} . ${protocol} . ${port}`);
    const anywhere = endpoints.get(`${protocol} . ${port}`);
    const still = here?.has(target) === true || anywhere?.has(target) === true;
    return still ? [] : [`${client} . ${address} . ${protocol} . ${port}`];
  });
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

interface Remembered {
  readonly key: readonly [client: string, address: string, protocol: string, port: string];
  /** `address . port`. */
  readonly target: string;
}

/** libnftables-json(5): an element is [key, value], a key with a timeout {elem: {val: key, …}}. */
function remembered(json: string): Remembered[] {
  const listing = JSON.parse(json) as { nftables?: { map?: { elem?: unknown[] } }[] };
  const found: Remembered[] = [];
  for (const { map } of listing.nftables ?? []) {
    for (const entry of map?.elem ?? []) {
      const [key, value] = Array.isArray(entry) ? entry : [];
      const [client, address, protocol, port] = concatOf(key);
      if (
        client === undefined ||
        address === undefined ||
        protocol === undefined ||
        port === undefined
      )
        continue;
      found.push({ key: [client, address, protocol, port], target: concatOf(value).join(' . ') });
    }
  }
  return found;
}

function concatOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  if ('elem' in value) return concatOf((value.elem as { val?: unknown }).val);
  return 'concat' in value && Array.isArray(value.concat) ? value.concat.map(String) : [];
}
