/**
 * The CNI configuration of a node: a bridge for its pods, with addresses from the node's range.
 *
 * Pure. Source: CNI specification 1.0.0 and the documentation of the bridge and host-local
 * plug-ins (containernetworking/plugins, as Debian packages them in /usr/lib/cni). Host ports are
 * the service proxy's.
 */

export const CNI_BIN_DIRECTORY = '/usr/lib/cni';

export interface CniOptions {
  /** Ranges of pod addresses: one IPv4, one IPv6, or both. */
  readonly podCidrs: readonly string[];
  /** At most 15 bytes, as the kernel takes them. */
  readonly bridge: string;
  /** Where host-local keeps the addresses that are taken. */
  readonly stateDirectory: string;
  readonly mtu?: number;
  /** The plug-in hides pods behind the node's address (by iptables); false when the proxy does. */
  readonly masquerade?: boolean;
  readonly networkName?: string;
}

/** The text of a `.conflist` file. */
export function cniConfigList(options: CniOptions): string {
  const { podCidrs, bridge, stateDirectory, mtu, networkName = 'coxswain' } = options;
  const families = podCidrs.map((cidr) => (cidr.includes(':') ? '::/0' : '0.0.0.0/0'));
  const config = {
    cniVersion: '0.4.0',
    name: networkName,
    plugins: [
      {
        type: 'bridge',
        bridge,
        isGateway: true,
        ipMasq: options.masquerade === true,
        // A pod that reaches itself through its Service comes back over the port it left by.
        hairpinMode: true,
        ...(mtu === undefined ? {} : { mtu }),
        ipam: {
          type: 'host-local',
          dataDir: stateDirectory,
          ranges: podCidrs.map((subnet) => [{ subnet }]),
          routes: families.map((dst) => ({ dst })),
        },
      },
    ],
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}
