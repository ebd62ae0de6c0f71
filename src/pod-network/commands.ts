/**
 * Routes to other nodes' pods as commands of iproute2. Pure.
 *
 * Source: ip-route(8), ip-neighbour(8), bridge(8).
 */
import {
  hardwareAddress,
  isIpv4,
  type PodNetworkMode,
  type PodRoute,
  tunnelAddress,
} from './routes.ts';

/** Who made a route, for the kernel and for us: a number that nobody has (rt_protos of iproute2). */
export const ROUTE_PROTOCOL = 201;

/** Of the tunnels of one cluster (RFC 7348, VNI); flannel's. */
const TUNNEL_ID = 1;
/** Linux's, and flannel's. */
const TUNNEL_PORT = 8472;

/** One input of `ip -batch -`, and one of `bridge -batch -`; empty ones need not run. */
export interface Batches {
  readonly ip: string;
  readonly bridge: string;
}

export interface CommandOptions {
  readonly mode: PodNetworkMode;
  /** Of the tunnel, where there is one. */
  readonly tunnelDevice: string;
}

/** What brings the kernel from `old` to `wanted`; what is wanted is said again. */
export function routeCommands(
  old: readonly PodRoute[],
  wanted: readonly PodRoute[],
  { mode, tunnelDevice }: CommandOptions,
): Batches {
  const ranges = new Set(wanted.map(({ cidr }) => cidr));
  const gone = old.filter(({ cidr }) => !ranges.has(cidr)).map(({ cidr }) => cidr);
  if (mode === 'direct') {
    const ip = [...gone.map(deletion), ...wanted.map(directRoute)];
    return { ip: lines(ip), bridge: '' };
  }
  // A gateway of IPv6 may not be known by another way than the tunnel: by a direct route of before.
  const direct = old.filter(
    ({ cidr, nodeAddress, hardwareAddress: end }) =>
      ranges.has(cidr) && end === undefined && nodeAddress !== tunnelAddress(cidr),
  );
  const ip = [
    ...direct.map(({ cidr }) => deletion(cidr)),
    ...gone.flatMap((cidr) => [deletion(cidr), forgotten(cidr, tunnelDevice)]),
    ...wanted.flatMap(({ cidr, hardwareAddress: end }) =>
      end === undefined
        ? []
        : [
            `neigh replace ${tunnelAddress(cidr)} lladdr ${end} dev ${tunnelDevice} nud permanent`,
            tunnelled(cidr, tunnelDevice),
          ],
    ),
  ];
  const bridge = [
    ...gone.filter(isIpv4).map((cidr) => `fdb delete ${hardwareAddress(cidr)} dev ${tunnelDevice}`),
    ...wanted
      .filter(({ cidr }) => isIpv4(cidr))
      .map(
        ({ cidr, nodeAddress }) =>
          `fdb replace ${hardwareAddress(cidr)} dev ${tunnelDevice} dst ${nodeAddress}`,
      ),
  ];
  return { ip: lines(ip), bridge: lines(bridge) };
}

/**
 * This node's end of the tunnel, when its interface is there already and when it is not. `podCidrs`:
 * the node's own, the one of IPv4 first.
 */
export function tunnelCommands(
  podCidrs: readonly [string, ...string[]],
  tunnel: {
    readonly device: string;
    /** Of IPv4. */
    readonly nodeAddress: string;
    /** Bytes that fit in a packet once it is wrapped. */
    readonly mtu: number;
    readonly isThere: boolean;
  },
): string {
  const { device, nodeAddress, mtu, isThere } = tunnel;
  const type = `vxlan id ${TUNNEL_ID} dstport ${TUNNEL_PORT} local ${nodeAddress} nolearning`;
  return lines([
    ...(isThere ? [] : [`link add ${device} type ${type}`]),
    `link set ${device} address ${hardwareAddress(podCidrs[0])} mtu ${mtu} up`,
    ...podCidrs.map((cidr) =>
      isIpv4(cidr)
        ? `address replace ${tunnelAddress(cidr)}/32 dev ${device}`
        : `address replace ${tunnelAddress(cidr)}/128 dev ${device} nodad`,
    ),
  ]);
}

/** `ip -json route show proto …` as routes; of a tunnel the node's address is not in it. */
export function routesOf(json: string): PodRoute[] {
  const routes = JSON.parse(json === '' ? '[]' : json) as { dst?: string; gateway?: string }[];
  return routes.flatMap(({ dst, gateway = '' }) =>
    dst === undefined ? [] : [{ cidr: dst, nodeAddress: gateway }],
  );
}

function directRoute({ cidr, nodeAddress }: PodRoute): string {
  return `route replace ${cidr} via ${nodeAddress} proto ${ROUTE_PROTOCOL}`;
}

function deletion(cidr: string): string {
  return `route delete ${cidr} proto ${ROUTE_PROTOCOL}`;
}

function forgotten(cidr: string, device: string): string {
  return `neigh delete ${tunnelAddress(cidr)} dev ${device}`;
}

function tunnelled(cidr: string, device: string): string {
  return `route replace ${cidr} via ${tunnelAddress(cidr)} dev ${device} onlink proto ${ROUTE_PROTOCOL}`;
}

function lines(commands: readonly string[]): string {
  return commands.map((command) => `${command}\n`).join('');
}
