/** Where another server is asked: an address and a port. Pure. */
import { canonicalAddress } from './names.ts';
import { parseIp } from '#base/ip.ts';

const DNS_PORT = 53;
const PORT_MAX = 65_535;

export interface UpstreamAddress {
  readonly host: string;
  readonly port: number;
}

/** `10.0.0.1`, `10.0.0.1:5353`, `fd00::1` or `[fd00::1]:5353`; undefined when it is none of these. */
export function parseUpstream(text: string): UpstreamAddress | undefined {
  const whole = parseIp(text);
  if (whole !== undefined) return { host: canonicalAddress(text), port: DNS_PORT };
  const parts = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(text);
  const host = parts?.[1] ?? parts?.[2] ?? '';
  const port = parts?.[3] === undefined ? DNS_PORT : Number(parts[3]);
  const family = parseIp(host)?.family;
  const isBracketed = parts?.[1] !== undefined;
  if (family === undefined || isBracketed !== (family === 6)) return undefined;
  if (port < 1 || port > PORT_MAX) return undefined;
  return { host: canonicalAddress(host), port };
}

/** As CoreDNS's metrics name it: `10.0.0.1:53`, `[fd00::1]:53`. */
export function upstreamText({ host, port }: UpstreamAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
