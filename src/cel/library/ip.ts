/**
 * IP addresses and blocks of them.
 *
 * Upstream: Kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/cel/library/ip.go and cidr.go; the
 * reasons are those of Go's net/netip.
 */
import { formatIp, type IpAddress, parseIp } from '#base/ip.ts';
import { type FunctionTable, overload } from '../check/declarations.ts';
import { BOOL, INT, opaqueType, STRING, type Type } from '../check/type.ts';
import { CelError, noSuchOverload, OpaqueValue, textOf, type Value } from '../value/value.ts';
import { goQuoted, methodsOf } from './opaque.ts';

export const IP_TYPE = opaqueType('net.IP');
export const CIDR_TYPE = opaqueType('net.CIDR');

const bitsOf = ({ family }: IpAddress): number => (family === 4 ? 32 : 128);

class IpValue extends OpaqueValue {
  override readonly type: Type = IP_TYPE;
  readonly address: IpAddress;

  constructor(address: IpAddress) {
    super();
    this.address = address;
  }

  override get costSize(): number {
    return bitsOf(this.address) / 8;
  }

  override isEqual(other: OpaqueValue): boolean {
    if (!(other instanceof IpValue)) return false;
    const { family, value } = this.address;
    return family === other.address.family && value === other.address.value;
  }
}

class CidrValue extends OpaqueValue {
  override readonly type: Type = CIDR_TYPE;
  /** As written: bits behind the prefix are kept. */
  readonly address: IpAddress;
  readonly prefix: number;

  constructor(address: IpAddress, prefix: number) {
    super();
    this.address = address;
    this.prefix = prefix;
  }

  override get costSize(): number {
    return Math.ceil(this.prefix / 8);
  }

  get text(): string {
    return `${formatIp(this.address)}/${this.prefix}`;
  }

  /** The block's own address. */
  get first(): bigint {
    const rest = BigInt(bitsOf(this.address) - this.prefix);
    return (this.address.value >> rest) << rest;
  }

  contains({ family, value }: IpAddress): boolean {
    const rest = BigInt(bitsOf(this.address) - this.prefix);
    return family === this.address.family && value >> rest === this.address.value >> rest;
  }

  override isEqual(other: OpaqueValue): boolean {
    return other instanceof CidrValue && this.text === other.text;
  }
}

function reasonOf4(text: string): string {
  const fields = text.split('.');
  if (fields.some((field) => field === '')) return 'IPv4 field must have at least one digit';
  if (fields.some((field) => /[^0-9]/.test(field))) return 'unexpected character';
  if (fields.some((field) => Number(field) > 255)) return 'IPv4 field has value >255';
  if (fields.some((field) => field.length > 1 && field.startsWith('0'))) {
    return 'IPv4 field has octet with leading zero';
  }
  return fields.length > 4 ? 'IPv4 address too long' : 'IPv4 address too short';
}

/** Why Go reads no address here. */
function reasonOf(text: string): string {
  const dot = text.indexOf('.');
  const colon = text.indexOf(':');
  if (dot >= 0 && (colon < 0 || dot < colon)) return reasonOf4(text);
  if (colon < 0) return 'unable to parse IP';
  if (/[^0-9a-fA-F:.]/.test(text)) return 'unexpected character';
  return 'each colon-separated field must have at least one digit';
}

/** IPv4 within IPv6 is told apart from both. */
const isMapped = ({ family, value }: IpAddress): boolean =>
  family === 6 && value >> 32n === 0xffffn;

function readAddress(text: string): IpAddress | CelError {
  const [plain = '', zone] = text.split('%', 2);
  const address = parseIp(plain);
  if (address === undefined || (zone !== undefined && address.family === 4) || zone === '') {
    const reason = `ParseAddr(${goQuoted(text)}): ${reasonOf(text)}`;
    return new CelError(
      `IP Address ${goQuoted(text)} parse error during conversion from string: ${reason}`,
    );
  }
  if (zone !== undefined) {
    return new CelError(`IP address ${goQuoted(text)} with zone value is not allowed`);
  }
  if (isMapped(address)) {
    return new CelError(`IPv4-mapped IPv6 address ${goQuoted(text)} is not allowed`);
  }
  return address;
}

const NETWORK = 'network address parse error during conversion from string:';

function readCidr(text: string): CidrValue | CelError {
  const slash = text.lastIndexOf('/');
  const failed = (reason: string): CelError =>
    new CelError(`${NETWORK} ${NETWORK} netip.ParsePrefix(${goQuoted(text)}): ${reason}`);
  if (slash < 0) return failed("no '/'");
  const [host, bits] = [text.slice(0, slash), text.slice(slash + 1)];
  const address = parseIp(host);
  if (address === undefined) {
    if (host.includes('%')) return failed('IPv6 zones cannot be present in a prefix');
    return failed(`ParseAddr(${goQuoted(host)}): ${reasonOf(host)}`);
  }
  if (!/^(?:0|[1-9][0-9]*)$/.test(bits)) return failed(`bad bits after slash: ${goQuoted(bits)}`);
  if (Number(bits) > bitsOf(address)) return failed('prefix length out of range');
  if (isMapped(address)) {
    return new CelError(`${NETWORK} IPv4-mapped IPv6 address ${goQuoted(text)} is not allowed`);
  }
  return new CidrValue(address, Number(bits));
}

function toIp(text: Value): Value {
  const address = readAddress(textOf(text));
  return address instanceof CelError ? address : new IpValue(address);
}

function isCanonical(text: Value): Value {
  const address = readAddress(textOf(text));
  return address instanceof CelError ? address : formatIp(address) === text;
}

/** Whether an address begins with so many bits. */
function begins({ family, value }: IpAddress, of: 4 | 6, first: bigint, bits: number): boolean {
  return family === of && value >> BigInt((of === 4 ? 32 : 128) - bits) === first;
}

const isLoopback = (address: IpAddress): boolean =>
  begins(address, 4, 127n, 8) || begins(address, 6, 1n, 128);
const isLinkLocalUnicast = (address: IpAddress): boolean =>
  begins(address, 4, 0xa9fen, 16) || begins(address, 6, 0x3fan, 10);
const isLinkLocalMulticast = (address: IpAddress): boolean =>
  begins(address, 4, 0xe00000n, 24) ||
  (begins(address, 6, 0xffn, 8) && ((address.value >> 112n) & 0xfn) === 2n);
const isMulticast = (address: IpAddress): boolean =>
  begins(address, 4, 0xen, 4) || begins(address, 6, 0xffn, 8);

function isGlobalUnicast(address: IpAddress): boolean {
  const isBroadcast = address.family === 4 && address.value === 0xffffffffn;
  if (address.value === 0n || isBroadcast) return false;
  return !isLoopback(address) && !isMulticast(address) && !isLinkLocalUnicast(address);
}

const onIp = methodsOf(IpValue, IP_TYPE);
const onCidr = methodsOf(CidrValue, CIDR_TYPE);
const ipTest = (id: string, test: (address: IpAddress) => boolean): ReturnType<typeof onIp> =>
  onIp(id, [], BOOL, ({ address }) => test(address));

export const IP_LIBRARY: FunctionTable = {
  ip: [overload('string_to_ip', [STRING], IP_TYPE, toIp)],
  isIP: [
    overload('is_ip', [STRING], BOOL, (text) => !(readAddress(textOf(text)) instanceof CelError)),
  ],
  'ip.isCanonical': [overload('ip_is_canonical', [STRING], BOOL, isCanonical)],
  family: [onIp('ip_family', [], INT, ({ address }) => BigInt(address.family))],
  isUnspecified: [ipTest('ip_is_unspecified', ({ value }) => value === 0n)],
  isLoopback: [ipTest('ip_is_loopback', isLoopback)],
  isLinkLocalMulticast: [ipTest('ip_is_link_local_multicast', isLinkLocalMulticast)],
  isLinkLocalUnicast: [ipTest('ip_is_link_local_unicast', isLinkLocalUnicast)],
  isGlobalUnicast: [ipTest('ip_is_global_unicast', isGlobalUnicast)],
  string: [
    overload('ip_to_string', [IP_TYPE], STRING, (value) =>
      value instanceof IpValue ? formatIp(value.address) : noSuchOverload(),
    ),
  ],
};

function containsIp(cidr: CidrValue, other: Value): Value {
  const ip = typeof other === 'string' ? toIp(other) : other;
  if (ip instanceof CelError) return ip;
  return ip instanceof IpValue ? cidr.contains(ip.address) : noSuchOverload();
}

function containsCidr(cidr: CidrValue, other: Value): Value {
  const inner = typeof other === 'string' ? readCidr(other) : other;
  if (inner instanceof CelError) return inner;
  if (!(inner instanceof CidrValue)) return noSuchOverload();
  return cidr.prefix <= inner.prefix && cidr.contains(inner.address);
}

export const CIDR_LIBRARY: FunctionTable = {
  cidr: [overload('string_to_cidr', [STRING], CIDR_TYPE, (text) => readCidr(textOf(text)))],
  isCIDR: [
    overload('is_cidr', [STRING], BOOL, (text) => !(readCidr(textOf(text)) instanceof CelError)),
  ],
  containsIP: [
    onCidr('cidr_contains_ip_string', [STRING], BOOL, (cidr, other) => containsIp(cidr, other)),
    onCidr('cidr_contains_ip_ip', [IP_TYPE], BOOL, (cidr, other) => containsIp(cidr, other)),
  ],
  containsCIDR: [
    onCidr('cidr_contains_cidr_string', [STRING], BOOL, (cidr, other) => containsCidr(cidr, other)),
    onCidr('cidr_contains_cidr', [CIDR_TYPE], BOOL, (cidr, other) => containsCidr(cidr, other)),
  ],
  ip: [onCidr('cidr_ip', [], IP_TYPE, ({ address }) => new IpValue(address))],
  prefixLength: [onCidr('cidr_prefix_length', [], INT, ({ prefix }) => BigInt(prefix))],
  masked: [
    onCidr('cidr_masked', [], CIDR_TYPE, (cidr) => {
      return new CidrValue({ family: cidr.address.family, value: cidr.first }, cidr.prefix);
    }),
  ],
  string: [
    overload('cidr_to_string', [CIDR_TYPE], STRING, (value) =>
      value instanceof CidrValue ? value.text : noSuchOverload(),
    ),
  ],
};
