/** Addresses inside names: reverse names (RFC 1035, 3.5) and the dashed form of pods. Pure. */
import { parseIp } from '#base/ip.ts';

/** Bytes in network order; undefined when `text` is no address. */
export function addressBytes(text: string): Uint8Array | undefined {
  const ip = parseIp(text);
  if (ip === undefined) return undefined;
  return Buffer.from(ip.value.toString(16).padStart(ip.family === 4 ? 8 : 32, '0'), 'hex');
}

/** `4.3.2.1.in-addr.arpa` to `1.2.3.4`; undefined when the name is no such one. */
export function addressOfReverseName(name: string): string | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/.exec(name);
  if (match === null) return undefined;
  const text = `${match[4]}.${match[3]}.${match[2]}.${match[1]}`;
  return parseIp(text) === undefined ? undefined : text;
}

/** `10-244-0-7` to `10.244.0.7`, `fd00--1` to `fd00::1`; undefined when it is none. */
export function addressOfDashedName(label: string): string | undefined {
  const v4 = label.replaceAll('-', '.');
  if (parseIp(v4)?.family === 4) return v4;
  const v6 = label.replaceAll('-', ':');
  return parseIp(v6)?.family === 6 ? v6 : undefined;
}

export function dashedName(address: string): string {
  return address.replaceAll(/[.:]/g, '-');
}
