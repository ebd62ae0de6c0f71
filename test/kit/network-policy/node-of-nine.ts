/**
 * A node of the real kernel with the nine pods on one bridge, and a place outside: network namespaces
 * as the node and the CNI plug-in `bridge` make them (src/cli/node-network.ts).
 */
import { spawnSync } from 'node:child_process';
import { sh } from '../network-namespaces.ts';
import { Agent } from './agent.ts';
import { OUTSIDE } from './shapes.ts';
import { addressesOf, NINE, PORTS } from './world.ts';

const GATEWAY = ['10.244.0.1', 'fd00:10:244::1'] as const;
const UPLINK = ['192.0.2.2', '2001:db8::2'] as const;

export class NodeOfNine {
  readonly #prefix: string;
  /** By pod, and one by the name `outside`. */
  readonly #agents = new Map<string, Agent>();
  /** Hardware address of the bridge, which is `br0`. */
  bridgeAddress = '';

  /** `prefix`: of the names of all its network namespaces. */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  async build({ hasPackets }: { hasPackets: boolean }): Promise<void> {
    this.#node();
    for (const key of NINE) this.#pod(key);
    for (const name of [...NINE, 'outside']) {
      const namespace = this.#namespace(name);
      const addresses = name === 'outside' ? OUTSIDE : addressesOf(name);
      this.#agents.set(name, new Agent({ namespace, addresses, ports: PORTS, hasPackets }));
    }
    await Promise.all([...this.#agents.values()].map((agent) => agent.up()));
  }

  destroy(): void {
    for (const agent of this.#agents.values()) agent.close();
    for (const name of [...NINE, 'outside', 'node'])
      spawnSync('ip', ['netns', 'del', this.#namespace(name)]);
  }

  /** At a pod, or anywhere outside. */
  agent(name: string): Agent {
    return this.#agents.get(name) ?? this.#agents.get('outside')!;
  }

  /** Names of the ports of its bridge. */
  get ports(): string[] {
    return NINE.map(portOf);
  }

  nft(script: string): void {
    const args = ['netns', 'exec', this.#namespace('node'), 'nft', '-f', '-'];
    const result = spawnSync('ip', args, { encoding: 'utf8', input: script });
    if (result.status !== 0) throw new Error(`${script}: ${result.stderr}`);
  }

  /** Whether br_netfilter shows the frames of the bridge to the filters of IP; pods forget their neighbours. */
  showFrames(isOn: boolean): void {
    const value = isOn ? 1 : 0;
    const [v4, v6] = ['iptables', 'ip6tables'].map(
      (name) => `net.bridge.bridge-nf-call-${name}=${value}`,
    );
    spawnSync('ip', ['netns', 'exec', this.#namespace('node'), 'sysctl', '-qw', `${v4}`, `${v6}`]);
    for (const key of NINE) sh(`ip -n ${this.#namespace(key)} neighbour flush dev eth0`);
  }

  #namespace(name: string): string {
    return `${this.#prefix}${name.replace('/', '')}`;
  }

  #node(): void {
    const [node, outside] = [this.#namespace('node'), this.#namespace('outside')];
    sh(`ip netns add ${node}
        ip netns add ${outside}
        ip netns exec ${node} sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
        ip netns exec ${node} sysctl -qw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0 || true
        ip -n ${node} link set lo up
        ip -n ${outside} link set lo up
        ip -n ${node} link add br0 type bridge
        ip -n ${node} link set br0 address 02:00:00:00:00:01 up
        ip -n ${outside} link add eth0 type veth peer name uplink netns ${node}
        ip -n ${outside} link set eth0 up
        ip -n ${node} link set uplink up
        ${GATEWAY.map((address) => `ip -n ${node} addr add ${address}/${prefixOf(address)} dev br0 ${flagsOf(address)}`).join('\n')}
        ${UPLINK.map((address) => `ip -n ${node} addr add ${address}/${prefixOf(address)} dev uplink ${flagsOf(address)}`).join('\n')}
        ${OUTSIDE.map((address) => `ip -n ${outside} addr add ${address}/${prefixOf(address)} dev eth0 ${flagsOf(address)}`).join('\n')}
        ${UPLINK.map((address) => `ip -n ${outside} route add default via ${address}`).join('\n')}`);
    this.bridgeAddress = '02:00:00:00:00:01';
  }

  #pod(key: string): void {
    const [node, pod] = [this.#namespace('node'), this.#namespace(key)];
    sh(`ip netns add ${pod}
        ip -n ${pod} link add eth0 type veth peer name ${portOf(key)} netns ${node}
        ip -n ${node} link set ${portOf(key)} master br0 up
        ip -n ${node} link set ${portOf(key)} type bridge_slave hairpin on
        ip -n ${pod} link set lo up
        ip -n ${pod} link set eth0 up
        ${addressesOf(key)
          .map(
            (address) =>
              `ip -n ${pod} addr add ${address}/${prefixOf(address)} dev eth0 ${flagsOf(address)}`,
          )
          .join('\n')}
        ${GATEWAY.map((address) => `ip -n ${pod} route add default via ${address}`).join('\n')}`);
  }
}

function portOf(key: string): string {
  return `port${key.replace('/', '')}`;
}

const prefixOf = (address: string): number => (address.includes(':') ? 64 : 24);
/** Without it an IPv6 address may not be used for a second. */
const flagsOf = (address: string): string => (address.includes(':') ? 'nodad' : '');
