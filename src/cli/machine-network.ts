/**
 * Several nodes on one machine: the first is the machine itself, each other one has a network
 * namespace of its own, with one interface that hangs on a bridge of the machine.
 *
 *   machine: cox<hash>n (10.245.0.1) ─┬─ cox<hash of node 2>v ══ eth0 (10.245.0.2) of node 2
 *                                     └─ cox<hash of node 3>v ══ eth0 (10.245.0.3) of node 3
 *
 * The nodes are neighbours on that bridge: routes between their pods are direct. What leaves the
 * machine does so under the machine's address. With both families of IP each has an address of both.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Processes, ProcessOptions } from '#base/doors.ts';
import { removalScript } from '#base/nftables/commands.ts';
import { runCommand } from '#base/run-command.ts';
import { addressAt, familyOf, hostPrefix, rangesIn } from './cluster-ranges.ts';
import { isMounted } from './machine-clean-up.ts';
import type { NodeDirectory } from './node-directory.ts';
import { addressWords, bridgeName, interfacesOf, ownLinkAddress } from './node-network.ts';

/** The inner end, in the node's namespace. */
const INNER = 'eth0';

function nodesBridge(hash: string): string {
  return `cox${hash}n`;
}

function nodesTable(hash: string): string {
  return `coxswain-${hash}-nodes`;
}

function outerEnd(hash: string): string {
  return `cox${hash}v`;
}

/** The addresses of the machine (1) or of the `nth` node (2, 3, …) on the bridge, one of each range. */
function addressesOnMachine(nodeCidr: string, nth: number): string[] {
  return rangesIn(nodeCidr).map((range) => addressAt(range, nth));
}

export interface MachineNetworkOptions {
  /** Of the cluster: its first node has the same. */
  readonly hash: string;
  /** A CIDR, or one of each family between commas. */
  readonly nodeCidr: string;
  /** Of the machine, one of each family. */
  readonly machineAddresses: readonly string[];
  readonly processes: Processes;
  /** Where the kernel shows the interfaces of the machine. */
  readonly sysfs: string;
}

/** The bridge of the nodes. Safe to do again. */
export async function setUpMachineNetwork(options: MachineNetworkOptions): Promise<void> {
  const { hash, nodeCidr, machineAddresses, processes, sysfs } = options;
  const ip = runner(processes, 'ip');
  const bridge = nodesBridge(hash);
  if (!interfacesOf(hash, sysfs).includes(bridge))
    await ip([
      'link',
      'add',
      'name',
      bridge,
      'address',
      ownLinkAddress('bridge', hash),
      'type',
      'bridge',
    ]);
  const give = (address: string): Promise<string> =>
    ip(['address', 'replace', ...addressWords(address), 'dev', bridge]);
  for (const range of rangesIn(nodeCidr)) await give(`${addressAt(range, 1)}/${prefixOf(range)}`);
  // Of IPv4 the kernel answers on the bridge for all addresses of the machine, of IPv6 for those alone
  // that the bridge has.
  for (const address of machineAddresses)
    if (familyOf(address) === 6 && !addressesOnMachine(nodeCidr, 1).includes(address))
      await give(`${address}/${hostPrefix(address)}`);
  await ip(['link', 'set', bridge, 'up']);
  // Between nodes and pods nobody's address is hidden.
  const inside = `{ "${bridge}", "${bridgeName(hash)}", "lo" }`;
  const table = nodesTable(hash);
  const scripts = rangesIn(nodeCidr).map((range) => {
    const ip = NFT_FAMILIES[familyOf(range)];
    return `table ${ip} ${table} {}
flush table ${ip} ${table}
table ${ip} ${table} {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ${ip} saddr ${range} oifname != ${inside} masquerade
  }
}
`;
  });
  await runner(processes, 'nft')(['-f', '-'], { input: scripts.join('') });
}

const NFT_FAMILIES = { 4: 'ip', 6: 'ip6' } as const;

function prefixOf(range: string): string {
  return range.split('/')[1] ?? '';
}

/** What is not there is no error. The bridge goes with the other interfaces of its cluster. */
export async function tearDownMachineNetwork(hash: string, processes: Processes): Promise<void> {
  for (const family of Object.values(NFT_FAMILIES))
    await processes.run('nft', ['-f', '-'], { input: removalScript(family, nodesTable(hash)) });
}

export interface NamespaceOptions {
  readonly directory: NodeDirectory;
  /** Of the cluster. */
  readonly clusterHash: string;
  readonly nodeCidr: string;
  /** Which node of the machine it is: its addresses are the `nth` of `nodeCidr`. */
  readonly nth: number;
  /** Of the machine, which is the first node: a neighbour on the bridge too. One of each family. */
  readonly machineAddresses: readonly string[];
  readonly processes: Processes;
  /** Where the kernel shows the interfaces of the machine. */
  readonly machineSysfs: string;
}

/** The network namespace of one node, and how programs get into it. */
export class NodeNamespace {
  readonly #options: NamespaceOptions;
  readonly #path: string;
  /** The node's own, of each range of `nodeCidr`. */
  readonly addresses: readonly string[];
  /** Where the kernel shows its interfaces. */
  readonly sysfs: string;
  /** Runs programs inside. */
  readonly processes: Processes;

  constructor(options: NamespaceOptions) {
    const { directory, processes } = options;
    this.#options = options;
    this.addresses = addressesOnMachine(options.nodeCidr, options.nth);
    this.#path = join(directory.runtimePath, 'net');
    this.sysfs = join(directory.runtimePath, 'sys');
    this.processes = {
      run: (command, args, how) => {
        const { command: outer, args: words } = this.inside({ command, args });
        return processes.run(outer, words, how);
      },
    };
  }

  /** The same command, run inside. */
  inside({ command, args }: { readonly command: string; readonly args: readonly string[] }): {
    command: string;
    args: string[];
  } {
    return { command: 'nsenter', args: [`--net=${this.#path}`, '--', command, ...args] };
  }

  /** Safe to do again; the runtime directory is there. */
  async setUp(): Promise<void> {
    const { directory, clusterHash, processes, nodeCidr, nth, machineAddresses } = this.#options;
    const { machineSysfs } = this.#options;
    if (!isMounted(this.#path)) {
      writeFileSync(this.#path, '', { flag: 'a' });
      await runner(processes, 'unshare')([`--net=${this.#path}`, 'true']);
    }
    mkdirSync(this.sysfs, { recursive: true });
    if (!isMounted(this.sysfs))
      await runner(this.processes, 'mount')(['-t', 'sysfs', '-o', 'ro', 'sysfs', this.sysfs]);
    const ip = runner(processes, 'ip');
    const outer = outerEnd(directory.hash);
    if (!interfacesOf(directory.hash, machineSysfs).includes(outer)) {
      const inner = [INNER, 'address', ownLinkAddress('node', directory.hash), 'netns', this.#path];
      await ip(['link', 'add', outer, 'type', 'veth', 'peer', 'name', ...inner]);
    }
    await ip(['link', 'set', outer, 'master', nodesBridge(clusterHash), 'up']);
    // Where br_netfilter is on, what a node port of the machine sends back to a pod of the node that
    // asked is bridged, through the port it came in by.
    await ip(['link', 'set', outer, 'type', 'bridge_slave', 'hairpin', 'on']);
    const within = runner(this.processes, 'ip');
    await within(['link', 'set', 'lo', 'up']);
    for (const range of rangesIn(nodeCidr)) {
      const address = `${addressAt(range, nth)}/${prefixOf(range)}`;
      await within(['address', 'replace', ...addressWords(address), 'dev', INNER]);
    }
    await within(['link', 'set', INNER, 'up']);
    // The machine answers for all its addresses on the bridge.
    for (const address of machineAddresses)
      await within(['route', 'replace', `${address}/${hostPrefix(address)}`, 'dev', INNER]);
    for (const gateway of addressesOnMachine(nodeCidr, 1))
      await within([`-${familyOf(gateway)}`, 'route', 'replace', 'default', 'via', gateway]);
  }
}

type Run = (args: readonly string[], options?: ProcessOptions) => Promise<string>;

function runner(processes: Processes, command: string): Run {
  return (args, options) => runCommand(processes, command, args, options);
}

/** On the machine, which `sysfs` shows: the interfaces whose names say that they are this node's. */
export async function removeOuterEnds(
  hash: string,
  processes: Processes,
  sysfs: string,
): Promise<void> {
  for (const name of interfacesOf(hash, sysfs)) await processes.run('ip', ['link', 'delete', name]);
}
