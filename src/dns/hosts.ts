/**
 * Names that the configuration gives addresses to, as lines of hosts(5): they go before all others.
 * Pure.
 *
 * Upstream: CoreDNS's plug-in `hosts` with `fallthrough`.
 */
import type { Answer } from './answer.ts';
import { addressBytes } from './names.ts';
import { type DnsRecord, RCODE, TYPE } from './wire.ts';

/** CoreDNS's default, in seconds. */
const TTL_SECONDS = 3_600;

/** Addresses by name, in lower case. */
export type Hosts = ReadonlyMap<string, readonly string[]>;

/** Undefined: the name is not in there. A name without an address of the wanted family has no data. */
export function hostsAnswer(
  { name, type }: { readonly name: string; readonly type: number },
  hosts: Hosts,
): (Answer & { kind: 'records' }) | undefined {
  const addresses = hosts.get(name);
  if (addresses === undefined) return undefined;
  const answers = addresses.flatMap((text): DnsRecord[] => {
    const address = addressBytes(text);
    const own = address?.length === 4 ? TYPE.A : TYPE.AAAA;
    if (address === undefined || (type !== own && type !== TYPE.ANY)) return [];
    return [{ name, ttlSeconds: TTL_SECONDS, data: { type: own, address } }];
  });
  return { kind: 'records', rcode: RCODE.noError, answers, authority: [], additional: [] };
}
