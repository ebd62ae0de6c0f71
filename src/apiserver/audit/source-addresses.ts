/**
 * Where a request came from: what proxies say of it, then who is at the other end.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apimachinery/pkg/util/net/http.go (SourceIPs).
 */
import { formatIp, parseIp } from '#base/ip.ts';
import type { HttpRequest } from '#base/http/message.ts';

/** All but the last address are the client's word. Empty for a component of this process. */
export function sourceAddresses({
  headers,
  peer,
}: Pick<HttpRequest, 'headers' | 'peer'>): string[] {
  const addresses = (headers['x-forwarded-for'] ?? '')
    .split(',')
    .flatMap((part) => addressOf(part.trim()));
  for (const address of addressOf(headers['x-real-ip'] ?? ''))
    if (!addresses.includes(address)) addresses.push(address);
  for (const address of addressOf(peer?.address ?? ''))
    if (addresses.at(-1) !== address) addresses.push(address);
  return addresses;
}

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

function addressOf(text: string): [] | [string] {
  const address = parseIp(MAPPED.exec(text)?.[1] ?? text);
  return address === undefined ? [] : [formatIp(address)];
}
