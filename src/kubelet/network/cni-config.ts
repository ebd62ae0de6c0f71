/**
 * The node's CNI network as a conflist: Debian's bridge and host-local plug-ins. Pure.
 *
 * Host ports are the service proxy's, which sees the pods anyway. Source: CNI specification 1.0.0,
 * sections 1 and 4; the plug-ins' own documentation.
 */

export interface CniConfigOptions {
  readonly networkName: string;
  readonly bridge: string;
  /** The node's range of pod addresses. */
  readonly podCidr: string;
  /** Where host-local remembers what it gave away. */
  readonly dataDirectory: string;
  readonly mtu?: number;
}

export function cniConfig(options: CniConfigOptions): string {
  const bridge = {
    type: 'bridge',
    bridge: options.bridge,
    isGateway: true,
    isDefaultGateway: true,
    // A pod that asks for a Service and gets itself as the endpoint must receive its own packet.
    hairpinMode: true,
    ipMasq: false,
    ...(options.mtu === undefined ? {} : { mtu: options.mtu }),
    ipam: {
      type: 'host-local',
      dataDir: options.dataDirectory,
      ranges: [[{ subnet: options.podCidr }]],
    },
  };
  return `${JSON.stringify({ cniVersion: '1.0.0', name: options.networkName, plugins: [bridge] }, null, 2)}\n`;
}
