/**
 * The node's own part of the network: the bridge that pods hang on, the addresses and routes that
 * make Services and the cluster DNS reachable from the machine itself, and nothing for the default
 * gateway.
 *
 * Every name begins with `cox<hash>`, so that what is ours can be found again after a crash.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import type { Processes } from '#base/doors.ts';
import { runCommand } from '#base/run-command.ts';
import { removePodRoutes } from '#pod-network/pod-network.ts';
import { OWN_NODE_ADDRESSES } from './cluster-config.ts';
import { addressAt, familiesIn, familyOf, hostPrefix, rangesIn } from './cluster-ranges.ts';

/** What has an address of ours of the link layer, by the third byte of it. */
const LINK_KINDS = { pods: '00', bridge: '01', node: '02' } as const;

/**
 * Of the link layer. What comes and goes has the same again: a neighbour believes an address that it
 * knows for up to a minute. `02`: made here, of one receiver (IEEE 802). `pods`: the bridge of a
 * node's pods; `bridge`: that of the nodes of one machine.
 */
export function ownLinkAddress(of: keyof typeof LINK_KINDS, hash: string): string {
  const parts = [hash.slice(0, 2), hash.slice(2, 4), hash.slice(4, 6)];
  return ['02', '00', LINK_KINDS[of], ...parts].join(':');
}

export interface NodeNetworkOptions {
  readonly hash: string;
  readonly processes: Processes;
  /** Pod addresses of the whole cluster: a CIDR, or one of each family between commas. */
  readonly clusterPodCidr: string;
  /** Likewise. */
  readonly serviceCidr: string;
  /** The cluster DNS listens here, on this node. */
  readonly dnsAddress: string;
  /** Pods answer there: the address is a Service's like any other. */
  readonly dnsInPods?: boolean;
  /** The node's own: one of each family. */
  readonly nodeAddresses: readonly string[];
  /** Where the kernel shows the interfaces of the node's network namespace: `/sys` unless given. */
  readonly sysfs?: string;
}

/** Linux: names of interfaces have at most 15 bytes. */
export function bridgeName(hash: string): string {
  return `cox${hash}b`;
}

/** Of the tunnel to other nodes, where they are no neighbours. */
export function tunnelName(hash: string): string {
  return `cox${hash}x`;
}

const SYSFS = '/sys';
const BRIDGE_NETFILTER = '/proc/sys/net/bridge/bridge-nf-call-iptables';
const OWN: readonly string[] = Object.values(OWN_NODE_ADDRESSES);

/**
 * Carries the address of the cluster DNS, and of a node whose machine has none. A bridge without ports, because not every kernel has
 * dummy interfaces, and the pods' bridge may have no address but its own (the CNI plug-in checks).
 */
function dnsInterface(hash: string): string {
  return `cox${hash}d`;
}

const ETHERNET_MTU = 1500;
const NO_ADDRESS = '00:00:00:00:00:00';

/** Route metrics: an unreachable route gives way to every real one. */
const UNREACHABLE_METRIC = ['metric', String(4_000_000)] as const;

export class NodeNetwork {
  readonly #options: NodeNetworkOptions;
  readonly #sysfs: string;

  constructor(options: NodeNetworkOptions) {
    this.#options = options;
    this.#sysfs = options.sysfs ?? SYSFS;
  }

  /** Before the first pod: what does not depend on the node's own pod range. */
  async setUp(): Promise<void> {
    const { hash, clusterPodCidr, serviceCidr, dnsAddress, nodeAddresses } = this.#options;
    await this.#forward();
    await this.#ensureLink(bridgeName(hash), ['type', 'bridge']);
    // Unless it is set, a bridge has the lowest address of its ports, another with each pod that
    // comes and goes; pods and the rules of network policies know the bridge by it.
    await this.#ip('link', 'set', bridgeName(hash), 'address', this.#steadyAddress());
    await this.#ensureLink(dnsInterface(hash), ['type', 'bridge']);
    const { dnsInPods = false, processes } = this.#options;
    const dns = `${dnsAddress}/${hostPrefix(dnsAddress)}`;
    // It may be here from before.
    if (dnsInPods) await processes.run('ip', ['address', 'delete', dns, 'dev', dnsInterface(hash)]);
    else await this.#address(dns, dnsInterface(hash));
    for (const address of nodeAddresses.filter((each) => OWN.includes(each)))
      await this.#address(`${address}/${hostPrefix(address)}`, dnsInterface(hash));
    // A pod address without an owner is refused here and never leaves for the default gateway.
    for (const range of rangesIn(clusterPodCidr))
      await this.#ip('route', 'replace', 'unreachable', range, ...UNREACHABLE_METRIC);
    // The route is looked up before the output hook translates the address: it must lead somewhere.
    for (const range of rangesIn(serviceCidr))
      await this.#ip('route', 'replace', range, 'dev', bridgeName(hash));
    await this.#sysctl(`net.ipv4.conf.${bridgeName(hash)}.route_localnet`, '1');
    await this.#heedNoPods();
    // Pods on one bridge reach each other's Services through the node: it must not tell them of a shorter way.
    await this.#sysctl(`net.ipv4.conf.${bridgeName(hash)}.send_redirects`, '0');
    await this.#showFrames();
  }

  /**
   * Frames between ports of a bridge pass netfilter, so that the answer of a pod to a pod behind a
   * Service is translated back. Where the kernel cannot, the proxy hides the source instead.
   */
  async #showFrames(): Promise<void> {
    const { processes } = this.#options;
    if (!existsSync(BRIDGE_NETFILTER))
      await processes.run('modprobe', ['br_netfilter']).catch(() => undefined);
    if (!existsSync(BRIDGE_NETFILTER)) return;
    await this.#sysctl('net.bridge.bridge-nf-call-iptables', '1');
    if (this.#hasIpv6) await this.#sysctl('net.bridge.bridge-nf-call-ip6tables', '1');
  }

  /**
   * A pod is no router: by advertising itself as one it would draw the machine's IPv6 traffic to
   * itself (CVE-2020-10749), most easily where the cluster has no IPv6 and the machine forwards
   * none. There is no such setting where the kernel has no IPv6.
   */
  async #heedNoPods(): Promise<void> {
    const { hash, processes } = this.#options;
    for (const name of [bridgeName(hash), dnsInterface(hash)])
      await processes.run('sysctl', ['-qw', `net.ipv6.conf.${name}.accept_ra=0`]);
  }

  get #hasIpv6(): boolean {
    return familiesIn(this.#options.clusterPodCidr).includes(6);
  }

  /** The node is a router between its pods and all else. */
  async #forward(): Promise<void> {
    await this.#sysctl('net.ipv4.ip_forward', '1');
    if (!this.#hasIpv6) return;
    const forwarding = 'net.ipv6.conf.all.forwarding';
    const settings = await runCommand(this.#options.processes, 'sysctl', [
      '-a',
      '--pattern',
      '^net.ipv6.conf',
    ]);
    if (settings.includes(`${forwarding} = 1\n`)) return;
    // A router believes no other router unless it is told to (2): the machine shall keep the default
    // route that it was advertised.
    for (const { setting, device } of heedfulInterfaces(settings))
      if (!device.startsWith(`cox${this.#options.hash}`)) await this.#sysctl(setting, '2');
    await this.#sysctl(forwarding, '1');
  }

  /** When the node knows its pod range: the bridge gets the range's first address. */
  async setPodCidr(podCidr: string): Promise<void> {
    const prefix = podCidr.split('/')[1] ?? '';
    await this.#address(`${addressAt(podCidr, 1)}/${prefix}`, bridgeName(this.#options.hash));
  }

  /** The one that the pods' bridge has; one that was never set and has lost its ports has none. */
  #steadyAddress(): string {
    const { hash } = this.#options;
    const address = linkAddress(bridgeName(hash), this.#sysfs);
    if (address !== NO_ADDRESS) return address;
    return ownLinkAddress('pods', hash);
  }

  async #ensureLink(name: string, type: readonly string[]): Promise<void> {
    if (!interfacesOf(this.#options.hash, this.#sysfs).includes(name))
      await this.#ip('link', 'add', 'name', name, ...type);
    await this.#ip('link', 'set', name, 'up');
  }

  #address(address: string, device: string): Promise<void> {
    return this.#ip('address', 'replace', ...addressWords(address), 'dev', device);
  }

  async #sysctl(name: string, value: string): Promise<void> {
    await runCommand(this.#options.processes, 'sysctl', ['-qw', `${name}=${value}`]);
  }

  async #ip(...args: string[]): Promise<void> {
    await runCommand(this.#options.processes, 'ip', args);
  }
}

/** Of `ip address`: one of IPv6 is ours at once, not when nobody has claimed it for a second. */
export function addressWords(address: string): string[] {
  return familyOf(address) === 6 ? [address, 'nodad'] : [address];
}

/**
 * `settings`: what sysctl(8) says of all. The settings of interfaces that take routes from a router
 * as long as they are none themselves (Documentation/networking/ip-sysctl, accept_ra).
 */
function heedfulInterfaces(settings: string): { setting: string; device: string }[] {
  const lines = settings.matchAll(/^(net\.ipv6\.conf\.(\S+)\.accept_ra) = 1$/gm);
  return [...lines].flatMap(([, setting = '', device = '']) =>
    device === 'all' || device === 'default' || device === 'lo' ? [] : [{ setting, device }],
  );
}

/** The hardware address of an interface. */
export function linkAddress(name: string, sysfs = SYSFS): string {
  return readFileSync(`${sysfs}/class/net/${name}/address`, 'utf8').trim();
}

/**
 * Bytes in a packet of the interface that has this address; Ethernet's where none has. Asked by a
 * program that is in the network namespace itself.
 */
export function linkMtu(address: string, sysfs = SYSFS): number {
  const [name] =
    Object.entries(networkInterfaces()).find(([, all]) =>
      all?.some((each) => each.address === address),
    ) ?? [];
  return name === undefined
    ? ETHERNET_MTU
    : Number(readFileSync(`${sysfs}/class/net/${name}/mtu`, 'utf8'));
}

/** Takes everything away, with the pods' ends of our bridge; what is not there is no error. */
export async function tearDownNetwork(options: {
  readonly hash: string;
  readonly clusterPodCidr: string;
  readonly processes: Processes;
  /** As in `NodeNetworkOptions`. */
  readonly sysfs?: string;
}): Promise<void> {
  const { hash, clusterPodCidr, processes, sysfs = SYSFS } = options;
  const interfaces = interfacesOf(hash, sysfs);
  // Without our interfaces there is no node of ours, and that route would be another cluster's.
  if (interfaces.length === 0) return;
  const ip = (...args: string[]) => processes.run('ip', args);
  await removePodRoutes(processes);
  for (const range of rangesIn(clusterPodCidr))
    await ip('route', 'delete', 'unreachable', range, ...UNREACHABLE_METRIC);
  for (const name of interfaces) {
    for (const port of bridgePorts(name, sysfs)) await ip('link', 'delete', port);
    await ip('link', 'delete', name);
  }
}

/** Ours, by their names. */
export function interfacesOf(hash: string, sysfs = SYSFS): string[] {
  return readdirSync(`${sysfs}/class/net`).filter((name) => name.startsWith(`cox${hash}`));
}

/** Names of the interfaces that hang on a bridge; none of one that is not there. */
export function bridgePorts(bridge: string, sysfs = SYSFS): string[] {
  const folder = `${sysfs}/class/net/${bridge}/brif`;
  return existsSync(folder) ? readdirSync(folder) : [];
}
