/**
 * The tables of a proxy whose pods' network is somebody else's: how pods are told from others, and
 * which addresses serve node ports.
 *
 * Source: upstream v1.36 cmd/kube-proxy/app/server_linux.go (getLocalDetectors) and
 * pkg/proxy/util/nodeport_addresses.go; of the Node pkg/util/node (GetNodeHostIPs).
 */
import type { Node } from '#api/gen/core-v1.ts';
import { formatCidr, parseCidr } from '#api/meta/ip.ts';
import { familyOf, type IpFamily } from '#proxy/ip-family.ts';
import type { LocalTraffic } from '#proxy/local-traffic.ts';
import type { TableOptions } from '#proxy/nftables.ts';
import type { ProxyConfig } from './config.ts';

/** Upstream's, of its mode nftables. */
export const TABLE = 'kube-proxy';
/** Upstream's, of its mode nftables: at the addresses of the Node object alone. */
const PRIMARY = 'primary';

/** Whether the Node has to say something first: its range of pods, or its addresses. */
export function isWaitingFor(config: ProxyConfig, node: Node): 'podCIDR' | 'addresses' | undefined {
  if (config.detectLocalMode === 'NodeCIDR' && podCidrsOf(node).length === 0) return 'podCIDR';
  return isPrimary(config) && hostAddresses(node).length === 0 ? 'addresses' : undefined;
}

/** One for each of `families`. */
export function proxyTables(
  config: ProxyConfig,
  node: Node,
  families: readonly IpFamily[],
): TableOptions[] {
  return families.map((family) => ({
    family,
    table: TABLE,
    local: localTraffic(config, node, family),
    pods: undefined,
    refusedRanges: [],
    nodePortAddresses: nodePortRanges(config, node, family),
    masqueradeAll: config.nftables.masqueradeAll,
  }));
}

function localTraffic(
  { detectLocalMode, detectLocal, clusterCIDR }: ProxyConfig,
  node: Node,
  family: IpFamily,
): LocalTraffic | undefined {
  switch (detectLocalMode) {
    case 'BridgeInterface':
      return { kind: 'interface', name: detectLocal.bridgeInterface };
    case 'InterfaceNamePrefix':
      return { kind: 'interfacePrefix', prefix: detectLocal.interfaceNamePrefix };
    default: {
      const cidrs = detectLocalMode === 'NodeCIDR' ? podCidrsOf(node) : clusterCIDR.split(',');
      const [cidr] = rangesOf(cidrs, family);
      return cidr === undefined ? undefined : { kind: 'range', cidr };
    }
  }
}

function podCidrsOf({ spec }: Node): string[] {
  const { podCIDR = '', podCIDRs = [podCIDR] } = spec ?? {};
  return podCIDRs.filter((cidr) => cidr !== '');
}

function isPrimary({ nodePortAddresses: [first = PRIMARY] }: ProxyConfig): boolean {
  return first === PRIMARY;
}

function nodePortRanges(config: ProxyConfig, node: Node, family: IpFamily): string[] {
  if (!isPrimary(config)) return rangesOf(config.nodePortAddresses, family);
  const [address] = hostAddresses(node).filter((each) => familyOf(each) === family);
  return address === undefined ? [] : [address];
}

function rangesOf(cidrs: readonly string[], family: IpFamily): string[] {
  return cidrs.flatMap((text) => {
    const range = parseCidr(text.trim());
    return range === undefined || familyOf(text) !== family ? [] : [formatCidr(range)];
  });
}

/** Internal addresses come before external ones. */
function hostAddresses({ status }: Node): string[] {
  return ['InternalIP', 'ExternalIP'].flatMap((wanted) =>
    (status?.addresses ?? []).flatMap(({ type, address }) => (type === wanted ? [address] : [])),
  );
}
