/**
 * Pods of one node speak to each other through it: the table that brings their packets to the
 * forward hook.
 *
 * They hang on one bridge, and a bridge carries a frame from port to port without asking the
 * filters of IP. Three ways to police it were left:
 *
 *   - br_netfilter shows bridged frames to the filters of IP. A module that may be absent, and a
 *     switch for the whole machine that others turn (Docker turns it on, others off).
 *   - Filters in family bridge with the same sets. Answers have to be known as such, and connection
 *     tracking there is a module of its own (nf_conntrack_bridge), which many kernels lack.
 *   - The node routes. A frame for a pod gets the address of the bridge itself, so the bridge hands
 *     it to the node, whose filters see it like every other packet, and which sends it on.
 *
 * The last one needs nothing but nftables, holds with br_netfilter on and off, and does not depend
 * on what pods have in their neighbour tables. Services gain too: an answer between pods of one
 * node is always translated back.
 *
 * One thing br_netfilter still does by itself where it is on: what was sent to a Service and is
 * translated to a pod on the same bridge stays on the bridge, and is shown to the forward hook.
 *
 * What is left on the bridge besides ARP and neighbour discovery (RFC 4861) can be policed by nobody,
 * so it is not carried from port to port: broadcasts and multicasts of pods, link-local addresses of
 * IPv6, which every port has, and all of IPv6 where pods have no addresses of it.
 *
 * A table of family bridge is asked for every bridge of its network namespace, and a chain cannot ask
 * for the bridge of a frame on every kernel (`meta ibrname` is an option of its build). So it goes by
 * ports: those that the bridge has when the table is written, and those from which came a packet, or
 * word by ARP or neighbour discovery, from an address of pods. Another bridge's frames are let be.
 */
import { parseCidr } from '#base/ip.ts';
import { FAMILY_WORDS } from './chains.ts';
import { familiesOf, NEIGHBOUR_DISCOVERY, type TableOptions } from './nftables.ts';

/** A port that a pod had goes from the set after a day; a pod that is there speaks ARP meanwhile. */
const PORT_TIMEOUT = '1d';
const PORTS_MAX = 65_536;
/** Interfaces with names of ours are no pods': other nodes on the same machine hang on a bridge too. */
const OTHERS = '"cox*"';

/** Replaces the table. `ports`: names of the interfaces on the bridge. */
export function bridgeScript(options: TableOptions, ports: readonly string[]): string {
  const { table } = options;
  const names = ports.map((port) => JSON.stringify(port)).join(', ');
  const seed = names === '' ? '' : `add element bridge ${table} ports { ${names} }\n`;
  return `table bridge ${table}
delete table bridge ${table}
table bridge ${table} {
  set ports { type ifname; flags dynamic,timeout; timeout ${PORT_TIMEOUT}; size ${PORTS_MAX}; }
  chain to_the_node {
    type filter hook prerouting priority dstnat; policy accept;
    iifname ${OTHERS} accept
${indented(toTheNode(options))}
  }
  chain from_port_to_port {
    type filter hook forward priority filter; policy accept;
    iifname ${OTHERS} accept
${indented(fromPortToPort(options))}
  }
}
${seed}`;
}

function toTheNode({ podRanges, bridge }: TableOptions): string[] {
  return podRanges.flatMap((range) => {
    const ip = wordOf(range);
    return [
      ...(ip === 'ip'
        ? [`ether type arp arp saddr ip ${range} update @ports { iifname }`]
        : // It goes to the neighbour itself, or to all: a node in between would be its end.
          [
            `${NEIGHBOUR_DISCOVERY} ip6 saddr ${range} update @ports { iifname }`,
            `${NEIGHBOUR_DISCOVERY} accept`,
          ]),
      `ether type ${ip} ${ip} saddr ${range} iifname != @ports update @ports { iifname }`,
      `ether type ${ip} iifname @ports ${ip} daddr ${range} ether daddr set ${bridge.address} meta pkttype set host`,
    ];
  });
}

function fromPortToPort(options: TableOptions): string[] {
  const hasIpv6 = familiesOf(options).includes(6);
  return [
    ...(hasIpv6 ? [`iifname @ports ${NEIGHBOUR_DISCOVERY} accept`] : []),
    // What br_netfilter has translated stays among pods.
    ...options.podRanges.flatMap((range) => {
      const ip = wordOf(range);
      return [
        `ether type ${ip} iifname @ports ${ip} daddr != ${range} drop`,
        `ether type ${ip} oifname @ports ${ip} saddr != ${range} drop`,
      ];
    }),
    ...(hasIpv6
      ? []
      : ['ether type ip6 iifname @ports drop', 'ether type ip6 oifname @ports drop']),
  ];
}

function wordOf(range: string): string {
  return FAMILY_WORDS[parseCidr(range)?.family ?? 4].ip;
}

function indented(rules: readonly string[]): string {
  return rules.map((rule) => `    ${rule}`).join('\n');
}
