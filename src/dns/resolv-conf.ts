/** The resolvers of the node: `nameserver` lines of resolv.conf(5). Pure. */
import { parseIp } from '#base/ip.ts';

/** As many as the C library uses (MAXNS). */
const RESOLVERS_MAX = 3;

/** Addresses in order; `own` are those that this server answers on, which would be a loop. */
export function resolversOf(text: string, own: readonly string[]): string[] {
  const found: string[] = [];
  for (const line of text.split('\n')) {
    const address = /^\s*nameserver\s+(\S+)/.exec(line)?.[1];
    if (address === undefined || parseIp(address) === undefined || own.includes(address)) continue;
    if (!found.includes(address)) found.push(address);
  }
  return found.slice(0, RESOLVERS_MAX);
}
