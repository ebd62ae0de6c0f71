/** Addresses inside names: reverse names (RFC 1035, 3.5; RFC 3596, 2.5) and the dashed form of pods. Pure. */
import { formatIp, parseIp } from '#base/ip.ts';

/** Bytes in network order; undefined when `text` is no address. */
export function addressBytes(text: string): Uint8Array | undefined {
  const v4 = v4Bytes(text);
  if (v4 !== undefined) return v4;
  const ip = parseIp(text);
  if (ip === undefined) return undefined;
  return Buffer.from(ip.value.toString(16).padStart(ip.family === 4 ? 8 : 32, '0'), 'hex');
}

/** The usual case, in one pass: four numbers. Undefined sends the caller the long way. */
function v4Bytes(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(4);
  let part = 0;
  let value = -1;
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit >= 0 && digit <= 9 && value !== 0) value = Math.max(value, 0) * 10 + digit;
    else if (digit === -2 && value >= 0 && part < 3) {
      bytes[part++] = value;
      value = -1;
    } else return undefined;
    if (value > 255) return undefined;
  }
  if (part !== 3 || value < 0) return undefined;
  bytes[3] = value;
  return bytes;
}

/** The one way to write an address; `text` itself when it is none. */
export function canonicalAddress(text: string): string {
  if (!text.includes(':')) return text;
  const ip = parseIp(text);
  return ip === undefined ? text : formatIp(ip);
}

export const REVERSE_ZONES = ['in-addr.arpa', 'ip6.arpa'] as const;

/**
 * `4.3.2.1.in-addr.arpa` to `1.2.3.4`, 32 digits and `ip6.arpa` to an IPv6 address in its canonical
 * form; undefined when the name is no such one.
 */
export function addressOfReverseName(name: string): string | undefined {
  if (!name.endsWith('.arpa')) return undefined;
  const v4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/.exec(name);
  if (v4 !== null) {
    const text = `${v4[4]}.${v4[3]}.${v4[2]}.${v4[1]}`;
    return parseIp(text) === undefined ? undefined : text;
  }
  const v6 = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name)?.[1];
  if (v6 === undefined) return undefined;
  const digits = v6.replaceAll('.', '').split('').toReversed().join('');
  return formatIp({ family: 6, value: BigInt(`0x${digits}`) });
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
