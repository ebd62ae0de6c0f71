/**
 * Stale connection tracking of UDP (and of nothing else: TCP peers notice by themselves).
 *
 * A UDP "connection" lives as long as packets flow, and goes where its first packet went. When an
 * endpoint leaves, or the first one comes to a port that was refused, its entries must go.
 * Upstream: pkg/proxy/conntrack/cleanup.go, v1.36.
 */
import type { ElementChange } from '#base/nftables/elements.ts';
import { type IpFamily, NAMES } from './ip-family.ts';

const ENDPOINT_MAPS = new Set([
  'endpoints',
  'outside_endpoints',
  'node_endpoints',
  'outside_node_endpoints',
]);
const PLACE_MAPS = new Set(['services', 'node_ports', 'host_ports', 'host_address_ports']);

/** Arguments of `conntrack -D`, one list a call, that `changes` to the table of `family` ask for. */
export function conntrackDeletions(
  changes: readonly ElementChange[],
  family: IpFamily,
): string[][] {
  const every = ['-D', '-f', NAMES[family].conntrack, '-p', 'udp'];
  const deletions = new Map<string, string[]>();
  const lost = new Set<string>();
  const kept = new Set<string>();
  for (const { map, key, before, after } of changes) {
    if (!key.includes('udp . ')) continue;
    if (ENDPOINT_MAPS.has(map)) {
      const place = key.slice(0, key.lastIndexOf(' . '));
      if (before !== undefined) lost.add(`${place}|${before}`);
      if (after !== undefined) kept.add(`${place}|${after}`);
    } else if (PLACE_MAPS.has(map) && before === undefined) {
      deletions.set(key, [...every, ...placeArguments(key)]);
    }
  }
  for (const pair of lost) {
    // An endpoint that only changed its index is still there.
    if (kept.has(pair)) continue;
    const [place = '', target = ''] = pair.split('|');
    const [address = ''] = target.split(' . ');
    deletions.set(pair, [...every, ...placeArguments(place), '--dst-nat', address]);
  }
  return [...deletions.values()];
}

/** `address . udp . port`, or `udp . port` for the node's own addresses. */
function placeArguments(place: string): string[] {
  const parts = place.split(' . ');
  const port = parts.at(-1) ?? '';
  const address = parts.length === 3 ? ['--orig-dst', parts[0] ?? ''] : [];
  return [...address, '--orig-port-dst', port];
}
