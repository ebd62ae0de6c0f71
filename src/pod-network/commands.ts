/**
 * Routes to other nodes' pods as commands of iproute2. Pure.
 *
 * Source: ip-route(8), ip-neighbour(8), bridge(8).
 */
import { type PodNetworkMode, type PodRoute, type TunnelEnd, tunnelEnd } from './routes.ts';

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
  const ip = [
    ...gone.flatMap((cidr) => [deletion(cidr), forgotten(cidr, tunnelDevice)]),
    ...wanted.flatMap(({ cidr }) => [neighbour(cidr, tunnelDevice), tunnelled(cidr, tunnelDevice)]),
  ];
  const bridge = [
    ...gone.map((cidr) => `fdb delete ${tunnelEnd(cidr).hardwareAddress} dev ${tunnelDevice}`),
    ...wanted.map(
      ({ cidr, nodeAddress }) =>
        `fdb replace ${tunnelEnd(cidr).hardwareAddress} dev ${tunnelDevice} dst ${nodeAddress}`,
    ),
  ];
  return { ip: lines(ip), bridge: lines(bridge) };
}

/** This node's end of the tunnel, when its interface is there already and when it is not. */
export function tunnelCommands(
  end: TunnelEnd,
  tunnel: {
    readonly device: string;
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
    `link set ${device} address ${end.hardwareAddress} mtu ${mtu} up`,
    `address replace ${end.address}/32 dev ${device}`,
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

function neighbour(cidr: string, device: string): string {
  const { address, hardwareAddress } = tunnelEnd(cidr);
  return `neigh replace ${address} lladdr ${hardwareAddress} dev ${device} nud permanent`;
}

function forgotten(cidr: string, device: string): string {
  return `neigh delete ${tunnelEnd(cidr).address} dev ${device}`;
}

function tunnelled(cidr: string, device: string): string {
  const { address } = tunnelEnd(cidr);
  return `route replace ${cidr} via ${address} dev ${device} onlink proto ${ROUTE_PROTOCOL}`;
}

function lines(commands: readonly string[]): string {
  return commands.map((command) => `${command}\n`).join('');
}
