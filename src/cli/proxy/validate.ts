/**
 * What a `KubeProxyConfiguration` may say, with upstream's field paths and messages; and what of it
 * is not there.
 *
 * Source: upstream v1.36 pkg/proxy/apis/config/validation/validation.go.
 */
import { DurationError, parseDuration } from '#api/codec/duration.ts';
import { type FieldError, type FieldPath, fieldPath, invalidValue } from '#api/meta/field.ts';
import { parseCidr, parseIp } from '#api/meta/ip.ts';
import { familyOf } from '#proxy/ip-family.ts';
import { splitAddress } from './address.ts';
import type { ProxyConfig } from './config.ts';

const MASQUERADE_BIT = 14;
const OOM_SCORE_MAX = 1000;
const PORT_MAX = 65_535;

/** Everything that is wrong. */
export function validateProxyConfig(config: ProxyConfig): FieldError[] {
  const at = fieldPath('KubeProxyConfiguration');
  return [
    ...validateMode(config, at),
    ...validatePeriods(config, at.child('KubeProxyNFTablesConfiguration')),
    ...validateConntrack(config, at.child('KubeProxyConntrackConfiguration')),
    ...check(
      Math.abs(config.oomScoreAdj) <= OOM_SCORE_MAX,
      at.child('OOMScoreAdj'),
      config.oomScoreAdj,
      'must be within the range [-1000, 1000]',
    ),
    ...check(
      parseIp(config.bindAddress) !== undefined,
      at.child('BindAddress'),
      config.bindAddress,
      'not a valid textual representation of an IP address',
    ),
    ...validateAddress(config.healthzBindAddress, at.child('HealthzBindAddress')),
    ...validateAddress(config.metricsBindAddress, at.child('MetricsBindAddress')),
    ...validateDetection(config, at),
    ...validateNodePortAddresses(config.nodePortAddresses, at.child('NodePortAddresses')),
  ];
}

function check(
  isRight: boolean,
  at: FieldPath,
  value: string | number,
  message: string,
): FieldError[] {
  return isRight ? [] : [invalidValue(at, value, message)];
}

function validateMode({ mode, nftables }: ProxyConfig, at: FieldPath): FieldError[] {
  return [
    ...check(
      mode === '' || mode === 'nftables',
      at.child('Mode'),
      mode,
      'cox proxy has the mode nftables alone; blank means the same',
    ),
    ...check(
      nftables.masqueradeBit === MASQUERADE_BIT,
      at.child('nftables', 'masqueradeBit'),
      nftables.masqueradeBit,
      `cox proxy has the bit ${MASQUERADE_BIT} alone`,
    ),
  ];
}

function validatePeriods({ nftables }: ProxyConfig, at: FieldPath): FieldError[] {
  const { syncPeriod, minSyncPeriod } = nftables;
  const [sync, least] = [nanos(syncPeriod), nanos(minSyncPeriod)];
  return [
    ...check(sync > 0, at.child('SyncPeriod'), syncPeriod, 'must be greater than 0'),
    ...check(
      least >= 0,
      at.child('MinSyncPeriod'),
      minSyncPeriod,
      'must be greater than or equal to 0',
    ),
    ...check(
      !(least > sync),
      at.child('SyncPeriod'),
      minSyncPeriod,
      `must be greater than or equal to ${at.child('MinSyncPeriod').toString()}`,
    ),
  ];
}

function validateConntrack({ conntrack }: ProxyConfig, at: FieldPath): FieldError[] {
  const counts = { MaxPerCore: conntrack.maxPerCore, Min: conntrack.min };
  const times = {
    TCPEstablishedTimeout: conntrack.tcpEstablishedTimeout,
    TCPCloseWaitTimeout: conntrack.tcpCloseWaitTimeout,
    UDPTimeout: conntrack.udpTimeout,
    UDPStreamTimeout: conntrack.udpStreamTimeout,
  };
  const message = 'must be greater than or equal to 0';
  return [
    ...Object.entries(counts).flatMap(([name, value]) =>
      check(value >= 0, at.child(name), value, message),
    ),
    ...Object.entries(times).flatMap(([name, value]) =>
      check(nanos(value) >= 0, at.child(name), value, message),
    ),
  ];
}

/** NaN of what is no duration, which is neither too small nor large enough. */
function nanos(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    if (error instanceof DurationError) return Number.NaN;
    throw error;
  }
}

function validateAddress(text: string, at: FieldPath): FieldError[] {
  if (text === '') return [];
  const address = splitAddress(text);
  if (address === undefined) return check(false, at, text, 'must be IP:port');
  return [
    ...check(parseIp(address.host) !== undefined, at, address.host, 'must be a valid IP'),
    ...check(
      address.port >= 1 && address.port <= PORT_MAX,
      at,
      address.port,
      'must be a valid port',
    ),
  ];
}

const MODES: readonly string[] = [
  '',
  'ClusterCIDR',
  'NodeCIDR',
  'BridgeInterface',
  'InterfaceNamePrefix',
];

function validateDetection(config: ProxyConfig, at: FieldPath): FieldError[] {
  const { detectLocalMode: mode, detectLocal, clusterCIDR } = config;
  const cidrs = clusterCIDR.split(',').map((cidr) => cidr.trim());
  const families = new Set(cidrs.map(familyOf));
  const isRange = cidrs.every((cidr) => parseCidr(cidr) !== undefined);
  const local = at.child('DetectLocal');
  return [
    ...check(
      MODES.includes(mode),
      at.child('DetectLocalMode'),
      mode,
      `must be ${MODES.slice(1).join(', ')} or blank`,
    ),
    ...check(
      clusterCIDR === '' || (isRange && families.size === cidrs.length),
      at.child('ClusterCIDR'),
      clusterCIDR,
      'must be a valid CIDR block, or one of each family (e.g. 10.100.0.0/16,fde4:8dba:82e1::/48)',
    ),
    ...check(
      mode !== 'BridgeInterface' || detectLocal.bridgeInterface !== '',
      local.child('BridgeInterface'),
      detectLocal.bridgeInterface,
      'must be set with the mode BridgeInterface',
    ),
    ...check(
      mode !== 'InterfaceNamePrefix' || detectLocal.interfaceNamePrefix !== '',
      local.child('InterfaceNamePrefix'),
      detectLocal.interfaceNamePrefix,
      'must be set with the mode InterfaceNamePrefix',
    ),
  ];
}

function validateNodePortAddresses(addresses: readonly string[], at: FieldPath): FieldError[] {
  if (addresses.length === 1 && addresses[0] === 'primary') return [];
  return addresses.flatMap((each, index) =>
    check(
      parseCidr(each) !== undefined,
      at.index(index),
      each,
      'must be a valid CIDR block, or primary alone',
    ),
  );
}
