/**
 * The ruleset as text for `nft -f -`: once whole, then by changed elements.
 *
 * One table of ours, replaced in one transaction: at no instant are there half the rules, and
 * nothing of anybody else's is touched. Needs nft 1.0.6 and Linux 5.10 (verdict maps with
 * concatenated keys, random index inside a key).
 */
import { changeCommands, elementCommands } from '#base/nftables/commands.ts';
import type { ElementChange, Elements } from '#base/nftables/elements.ts';
import type { RememberedClient } from './affinity.ts';
import {
  type ChainFacts,
  chainOfVerdict,
  chainRules,
  MASQUERADE_MARK,
  spareChains,
  stickyRules,
} from './chains.ts';
import { SOURCE_LISTS } from './sources.ts';

export interface TableOptions {
  /** Name of our table in family ip. */
  readonly table: string;
  /** CIDR of all pods of the cluster. */
  readonly podRange: string;
  /** CIDR of Service addresses. */
  readonly serviceRange: string;
  /** The bridge that pods of this node hang on. */
  readonly podInterface: string;
  /**
   * Hide the source of all traffic to Services: where the bridge does not show its frames to
   * netfilter, the answer of a pod to a pod on the same node would otherwise take the short way.
   */
  readonly masqueradeAll: boolean;
}

const PLACE = 'ipv4_addr . inet_proto . inet_service';
const PORT = 'inet_proto . inet_service';
const RANDOM = 'numgen random mod 2';
const TARGET = 'ip daddr . th dport';

/** Clients remembered for session affinity; beyond that the kernel forgets to remember. */
const AFFINITY_ELEMENTS_MAX = 262_144;

/** Every map and set that elements go to, in the order of declaration. */
const MAPS: Readonly<Record<string, { readonly kind: 'map' | 'set'; readonly body: string }>> = {
  services: { kind: 'map', body: `type ${PLACE} : verdict` },
  endpoints: {
    kind: 'map',
    body: `typeof ip daddr . meta l4proto . th dport . ${RANDOM} : ${TARGET}`,
  },
  outside_services: { kind: 'map', body: `type ${PLACE} : verdict` },
  outside_endpoints: {
    kind: 'map',
    body: `typeof ip daddr . meta l4proto . th dport . ${RANDOM} : ${TARGET}`,
  },
  node_ports: { kind: 'map', body: `type ${PORT} : verdict` },
  node_endpoints: { kind: 'map', body: `typeof meta l4proto . th dport . ${RANDOM} : ${TARGET}` },
  outside_node_ports: { kind: 'map', body: `type ${PORT} : verdict` },
  outside_node_endpoints: {
    kind: 'map',
    body: `typeof meta l4proto . th dport . ${RANDOM} : ${TARGET}`,
  },
  host_ports: { kind: 'map', body: `type ${PORT} : ipv4_addr . inet_service` },
  host_address_ports: { kind: 'map', body: `type ${PLACE} : ipv4_addr . inet_service` },
  blocked_services: { kind: 'map', body: `type ${PLACE} : verdict` },
  blocked_node_ports: { kind: 'map', body: `type ${PORT} : verdict` },
  sticky_services: { kind: 'map', body: `type ${PLACE} : verdict` },
  sticky_node_ports: { kind: 'map', body: `type ${PORT} : verdict` },
  guarded_services: { kind: 'map', body: `type ${PLACE} : verdict` },
  hairpins: { kind: 'set', body: 'type ipv4_addr . ipv4_addr' },
};

/**
 * Replaces the table by one that holds all of `elements`; `chains` are those it then has.
 * `remembered`: clients that the old table knew, to be known by the new one.
 */
export function fullScript(
  options: TableOptions,
  elements: Elements,
  remembered: readonly RememberedClient[] = [],
): { script: string; chains: Set<string> } {
  const needed = new Set<string>();
  const commands: string[] = [];
  for (const map of Object.keys(MAPS)) {
    const entries = [...elements.entries(map)];
    for (const [, value] of entries) addChainOf(value, needed);
    commands.push(...elementCommands('add', options.table, map, entries));
  }
  const clients = remembered.map(
    ({ key, target, timeoutSeconds, expiresSeconds }) =>
      [`${key.join(' . ')} timeout ${timeoutSeconds}s expires ${expiresSeconds}s`, target] as const,
  );
  const chains = spareChains(needed);
  const sources = (digest: string): string | undefined => elements.get(SOURCE_LISTS, digest);
  const script = [
    `table ip ${options.table}`,
    `delete table ip ${options.table}`,
    tableText(options),
    ...chainCommands(options, { chains, sources }),
    ...commands,
    ...elementCommands('add', options.table, 'affinity', clients),
  ];
  return { script: `${script.join('\n')}\n`, chains };
}

/**
 * The script that makes `changes`; empty when there is nothing to do. Undefined when the table must
 * be written whole, because a chain is missing that nft 1.0.6 cannot add to a table with elements
 * (a rule that names such a map must come with the map: "conflicting protocols specified").
 * A changed value is a deletion and an addition in the one transaction.
 */
export function deltaScript(
  options: TableOptions,
  changes: readonly ElementChange[],
  chains: Set<string>,
): string | undefined {
  const wanted = new Set<string>();
  for (const { after } of changes) if (after !== undefined) addChainOf(after, wanted);
  const fresh = [...wanted].filter((chain) => !chains.has(chain));
  if (fresh.some((chain) => chain.startsWith('pick-'))) return undefined;
  for (const chain of fresh) chains.add(chain);
  const lists = new Map(
    changes.flatMap(({ map, key, after }) => (map === SOURCE_LISTS ? [[key, after]] : [])),
  );
  const sources = (digest: string): string | undefined => lists.get(digest);
  const inKernel = changes.filter(({ map }) => map !== SOURCE_LISTS);
  const script = [
    ...chainCommands(options, { chains: fresh, sources }),
    ...changeCommands(options.table, inKernel),
  ];
  return script.length === 0 ? '' : `${script.join('\n')}\n`;
}

function addChainOf(value: string, chains: Set<string>): void {
  const chain = chainOfVerdict(value);
  if (chain !== undefined) chains.add(chain);
}

function chainCommands(
  { table, podRange }: TableOptions,
  { chains, sources }: Pick<ChainFacts, 'sources'> & { readonly chains: Iterable<string> },
): string[] {
  return [...chains].flatMap((chain) => [
    `add chain ip ${table} ${chain}`,
    ...chainRules(chain, { podRange, sources }).map(
      (rule) => `add rule ip ${table} ${chain} ${rule}`,
    ),
  ]);
}

/** Everything but elements and the chains that they need. */
function tableText(options: TableOptions): string {
  const maps = Object.entries(MAPS).map(
    ([name, { kind, body }]) => `  ${kind} ${name} { ${body}; }`,
  );
  const affinity =
    '  map affinity { type ipv4_addr . ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; ' +
    `flags dynamic,timeout; timeout 3h; size ${AFFINITY_ELEMENTS_MAX}; }`;
  const chains = baseChains(options).map(
    ([name, rules]) => `  chain ${name} {\n${rules.map((rule) => `    ${rule}\n`).join('')}  }`,
  );
  return [`table ip ${options.table} {`, ...maps, affinity, ...chains, '}'].join('\n');
}

function baseChains(options: TableOptions): [name: string, rules: string[]][] {
  const { podRange, serviceRange, podInterface, masqueradeAll } = options;
  const place = 'ip daddr . meta l4proto . th dport';
  const port = 'meta l4proto . th dport';
  const hostPorts = [
    `dnat ip to ${place} map @host_address_ports`,
    `dnat ip to ${port} map @host_ports`,
  ].map((rule) => `meta l4proto { tcp, udp, sctp } ${rule}`);
  const mark = `meta mark set meta mark | ${MASQUERADE_MARK}`;
  const guard = `ct state new ${place} vmap @guarded_services`;
  return [
    // Before any address is translated: nft 1.0.6 knows no name for just before dstnat.
    ['guard_from_network', ['type filter hook prerouting priority -110; policy accept;', guard]],
    ['guard_from_host', ['type filter hook output priority -110; policy accept;', guard]],
    // A reset, because the kernel sends a peer few ICMP errors a second.
    ['refuse', ['meta l4proto tcp reject with tcp reset', 'reject']],
    [
      'node_ports_from_network',
      [
        ...hostPorts,
        `ip saddr != ${podRange} ${port} vmap @outside_node_ports`,
        `${port} vmap @node_ports`,
      ],
    ],
    ['node_ports_from_host', [...hostPorts, `${port} vmap @node_ports`]],
    [
      'translate_from_network',
      [
        'type nat hook prerouting priority dstnat; policy accept;',
        ...(masqueradeAll ? [`ip daddr ${serviceRange} ${mark}`] : []),
        `ip saddr != ${podRange} ${place} vmap @outside_services`,
        `${place} vmap @services`,
        'fib daddr type local jump node_ports_from_network',
      ],
    ],
    [
      // nft 1.0.6 knows no name for this priority at this hook: -100 is dstnat.
      'translate_from_host',
      [
        'type nat hook output priority -100; policy accept;',
        `${place} vmap @services`,
        'fib daddr type local jump node_ports_from_host',
      ],
    ],
    ['remember', stickyRules()],
    [
      'hide_source',
      [
        'type nat hook postrouting priority srcnat; policy accept;',
        'ct status dnat jump remember',
        'ct status dnat ip saddr . ip daddr @hairpins masquerade fully-random',
        `meta mark & ${MASQUERADE_MARK} != 0 meta mark set meta mark ^ ${MASQUERADE_MARK} masquerade fully-random`,
        // A node's own 127.0.0.1 is nobody's outside: a node port reached by it needs a real source.
        `ct status dnat ip saddr 127.0.0.0/8 oifname ${JSON.stringify(podInterface)} masquerade fully-random`,
        // Pods reach the world by the node's address. Between pods and nodes addresses stay.
        `ip saddr ${podRange} ip daddr != ${podRange} oifname != ${JSON.stringify(podInterface)} masquerade fully-random`,
      ],
    ],
    [
      'refuse_from_host',
      [
        'type filter hook output priority filter; policy accept;',
        `ct state new ${place} vmap @blocked_services`,
        `ct state new fib daddr type local ${port} vmap @blocked_node_ports`,
        `ip daddr ${serviceRange} fib daddr type != local goto refuse`,
      ],
    ],
    [
      'refuse_to_host',
      [
        'type filter hook input priority filter; policy accept;',
        `ct state new ${place} vmap @blocked_services`,
        `ct state new fib daddr type local ${port} vmap @blocked_node_ports`,
        // route_localnet on the bridge lets answers come back to 127.0.0.1; nothing else may enter.
        `iifname ${JSON.stringify(podInterface)} ip daddr 127.0.0.0/8 ct state { new, invalid, untracked } drop`,
      ],
    ],
    [
      'refuse_forwarded',
      [
        'type filter hook forward priority filter; policy accept;',
        `ct state new ${place} vmap @blocked_services`,
        // Whatever still has a Service address after translation belongs to nobody.
        `ip daddr ${serviceRange} goto refuse`,
      ],
    ],
  ];
}
