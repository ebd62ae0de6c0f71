/**
 * The ruleset as text for `nft -f -`: once whole, then by changed elements.
 *
 * One table of ours for each family of IP, replaced in one transaction: at no instant are there half the rules, and
 * nothing of anybody else's is touched. Needs nft 1.0.6 and Linux 5.10 (verdict maps with
 * concatenated keys, random index inside a key).
 */
import { changeCommands, elementCommands, type TableName } from '#base/nftables/commands.ts';
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
import { type IpFamily, NAMES } from './ip-family.ts';
import { type LocalTraffic, localMatch } from './local-traffic.ts';
import { SOURCE_LISTS } from './sources.ts';

export interface TableOptions {
  readonly family: IpFamily;
  /** Name of our table in this family. */
  readonly table: string;
  /** What comes from pods, and may see the sources that it shows; undefined: nobody can tell. */
  readonly local: LocalTraffic | undefined;
  /** Where the pods of this node are, when their network is ours; undefined: somebody else's. */
  readonly pods: OwnPods | undefined;
  /**
   * CIDRs of addresses that are Services' alone, within the cluster or of load balancers: what has
   * one and is for no Service is refused here, and never leaves for the default gateway.
   */
  readonly refusedRanges: readonly string[];
  /** CIDRs of the node's addresses that node ports are served at; undefined: at all of them. */
  readonly nodePortAddresses: readonly string[] | undefined;
  /**
   * Hide the source of all traffic to Services: where the bridge does not show its frames to
   * netfilter, the answer of a pod to a pod on the same node would otherwise take the short way.
   */
  readonly masqueradeAll: boolean;
}

/** The rules around pods whose network is ours: their way to the world, and to the node itself. */
export interface OwnPods {
  /** CIDR of all pods of the cluster. */
  readonly range: string;
  /** The bridge that pods of this node hang on. */
  readonly interface: string;
}

const PLACE = 'ADDRESS . inet_proto . inet_service';
const PORT = 'inet_proto . inet_service';
const RANDOM = 'numgen random mod 2';
const TARGET = 'IP daddr . th dport';

/** Clients remembered for session affinity; beyond that the kernel forgets to remember. */
const AFFINITY_ELEMENTS_MAX = 262_144;

/** Every map and set that elements go to, in the order of declaration; IP and ADDRESS are the family's. */
const MAPS: Readonly<Record<string, { readonly kind: 'map' | 'set'; readonly body: string }>> = {
  services: { kind: 'map', body: `type ${PLACE} : verdict` },
  endpoints: {
    kind: 'map',
    body: `typeof IP daddr . meta l4proto . th dport . ${RANDOM} : ${TARGET}`,
  },
  outside_services: { kind: 'map', body: `type ${PLACE} : verdict` },
  outside_endpoints: {
    kind: 'map',
    body: `typeof IP daddr . meta l4proto . th dport . ${RANDOM} : ${TARGET}`,
  },
  node_ports: { kind: 'map', body: `type ${PORT} : verdict` },
  node_endpoints: { kind: 'map', body: `typeof meta l4proto . th dport . ${RANDOM} : ${TARGET}` },
  outside_node_ports: { kind: 'map', body: `type ${PORT} : verdict` },
  outside_node_endpoints: {
    kind: 'map',
    body: `typeof meta l4proto . th dport . ${RANDOM} : ${TARGET}`,
  },
  host_ports: { kind: 'map', body: `type ${PORT} : ADDRESS . inet_service` },
  host_address_ports: { kind: 'map', body: `type ${PLACE} : ADDRESS . inet_service` },
  blocked_services: { kind: 'map', body: `type ${PLACE} : verdict` },
  blocked_node_ports: { kind: 'map', body: `type ${PORT} : verdict` },
  sticky_services: { kind: 'map', body: `type ${PLACE} : verdict` },
  sticky_node_ports: { kind: 'map', body: `type ${PORT} : verdict` },
  guarded_services: { kind: 'map', body: `type ${PLACE} : verdict` },
  hairpins: { kind: 'set', body: 'type ADDRESS . ADDRESS' },
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
    commands.push(...elementCommands('add', nameOf(options), map, entries));
  }
  const clients = remembered.map(
    ({ key, target, timeoutSeconds, expiresSeconds }) =>
      [`${key.join(' . ')} timeout ${timeoutSeconds}s expires ${expiresSeconds}s`, target] as const,
  );
  const chains = spareChains(needed);
  const sources = (digest: string): string | undefined => elements.get(SOURCE_LISTS, digest);
  const script = [
    `table ${options.family} ${options.table}`,
    `delete table ${options.family} ${options.table}`,
    tableText(options),
    ...chainCommands(options, { chains, sources }),
    ...commands,
    ...elementCommands('add', nameOf(options), 'affinity', clients),
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
    ...changeCommands(nameOf(options), inKernel),
  ];
  return script.length === 0 ? '' : `${script.join('\n')}\n`;
}

function addChainOf(value: string, chains: Set<string>): void {
  const chain = chainOfVerdict(value);
  if (chain !== undefined) chains.add(chain);
}

function chainCommands(
  { family, table, local, masqueradeAll }: TableOptions,
  { chains, sources }: Pick<ChainFacts, 'sources'> & { readonly chains: Iterable<string> },
): string[] {
  return [...chains].flatMap((chain) => [
    `add chain ${family} ${table} ${chain}`,
    ...chainRules(chain, { family, local, masqueradeAll, sources }).map(
      (rule) => `add rule ${family} ${table} ${chain} ${rule}`,
    ),
  ]);
}

function nameOf({ family, table }: TableOptions): TableName {
  return { family, name: table };
}

/** Everything but elements and the chains that they need. */
function tableText(options: TableOptions): string {
  const maps = Object.entries(MAPS).map(
    ([name, { kind, body }]) => `  ${kind} ${name} { ${body}; }`,
  );
  const affinity =
    '  map affinity { type ADDRESS . ADDRESS . inet_proto . inet_service : ADDRESS . inet_service; ' +
    `flags dynamic,timeout; timeout 3h; size ${AFFINITY_ELEMENTS_MAX}; }`;
  const chains = baseChains(options).map(
    ([name, rules]) => `  chain ${name} {\n${rules.map((rule) => `    ${rule}\n`).join('')}  }`,
  );
  const { family, table } = options;
  const sets = [...maps, affinity].map((text) =>
    text.replaceAll('IP ', `${family} `).replaceAll('ADDRESS', NAMES[family].addressType),
  );
  return [`table ${family} ${table} {`, ...sets, ...chains, '}'].join('\n');
}

type Chain = [name: string, rules: string[]];

function baseChains(options: TableOptions): Chain[] {
  return [...guardChains(options), ...translationChains(options), ...refusalChains(options)];
}

/** `address . protocol . port` of a packet, as `PLACE` has it. */
function placeOf({ family }: TableOptions): string {
  return `${family} daddr . meta l4proto . th dport`;
}

const PACKET_PORT = 'meta l4proto . th dport';

function guardChains(options: TableOptions): Chain[] {
  const guard = `ct state new ${placeOf(options)} vmap @guarded_services`;
  return [
    // Before any address is translated: nft 1.0.6 knows no name for just before dstnat.
    ['guard_from_network', ['type filter hook prerouting priority -110; policy accept;', guard]],
    ['guard_from_host', ['type filter hook output priority -110; policy accept;', guard]],
    // A reset, because the kernel sends a peer few ICMP errors a second.
    ['refuse', ['meta l4proto tcp reject with tcp reset', 'reject']],
  ];
}

function translationChains(options: TableOptions): Chain[] {
  const { family, local, pods } = options;
  const place = placeOf(options);
  const fromOutside = local === undefined ? '' : `${localMatch(local, family, '!=')} `;
  const ports = nodePortMatch(options);
  const jumps = (chain: string): string[] => [
    'fib daddr type local jump host_ports',
    ...(ports === undefined ? [] : [`${ports} jump ${chain}`]),
  ];
  return [
    [
      'host_ports',
      [
        `dnat ${family} to ${place} map @host_address_ports`,
        `dnat ${family} to ${PACKET_PORT} map @host_ports`,
      ].map((rule) => `meta l4proto { tcp, udp, sctp } ${rule}`),
    ],
    [
      'node_ports_from_network',
      [`${fromOutside}${PACKET_PORT} vmap @outside_node_ports`, `${PACKET_PORT} vmap @node_ports`],
    ],
    ['node_ports_from_host', [`${PACKET_PORT} vmap @node_ports`]],
    [
      'translate_from_network',
      [
        'type nat hook prerouting priority dstnat; policy accept;',
        `${fromOutside}${place} vmap @outside_services`,
        `${place} vmap @services`,
        ...jumps('node_ports_from_network'),
      ],
    ],
    [
      // nft 1.0.6 knows no name for this priority at this hook: -100 is dstnat.
      'translate_from_host',
      [
        'type nat hook output priority -100; policy accept;',
        `${place} vmap @services`,
        ...jumps('node_ports_from_host'),
      ],
    ],
    ['remember', stickyRules(family)],
    [
      'hide_source',
      [
        'type nat hook postrouting priority srcnat; policy accept;',
        'ct status dnat jump remember',
        `ct status dnat ${family} saddr . ${family} daddr @hairpins masquerade fully-random`,
        `meta mark & ${MASQUERADE_MARK} != 0 meta mark set meta mark ^ ${MASQUERADE_MARK} masquerade fully-random`,
        ...(pods === undefined ? [] : podSourceRules(family, pods)),
      ],
    ],
  ];
}

function podSourceRules(family: IpFamily, { range, interface: name }: OwnPods): string[] {
  const bridge = JSON.stringify(name);
  return [
    // A node's own 127.0.0.1 is nobody's outside: a node port reached by it needs a real source.
    // IPv6 has no such way: the kernel lets ::1 leave by no other interface.
    ...(family === 'ip'
      ? [`ct status dnat ip saddr 127.0.0.0/8 oifname ${bridge} masquerade fully-random`]
      : []),
    // Pods reach the world by the node's address. Between pods and nodes addresses stay.
    `${family} saddr ${range} ${family} daddr != ${range} oifname != ${bridge} masquerade fully-random`,
  ];
}

/** Which packets are for the node's own addresses that serve node ports; undefined: none are. */
function nodePortMatch({ family, pods, nodePortAddresses }: TableOptions): string | undefined {
  if (nodePortAddresses?.length === 0) return undefined;
  // Of loopback addresses those of IPv4 alone can be served, where the bridge lets answers back in.
  const hasLoopback = family === 'ip' && pods !== undefined;
  return [
    ...(hasLoopback ? [] : [`${family} daddr != ${NAMES[family].loopback}`]),
    ...(nodePortAddresses === undefined
      ? []
      : [`${family} daddr { ${nodePortAddresses.join(', ')} }`]),
    'fib daddr type local',
  ].join(' ');
}

function refusalChains(options: TableOptions): Chain[] {
  const { family, pods, refusedRanges } = options;
  const ports = nodePortMatch(options);
  const blocked = `ct state new ${placeOf(options)} vmap @blocked_services`;
  const blockedPorts =
    ports === undefined ? [] : [`ct state new ${ports} ${PACKET_PORT} vmap @blocked_node_ports`];
  const refused = (match: string): string[] =>
    refusedRanges.length === 0
      ? []
      : [`${family} daddr { ${refusedRanges.join(', ')} } ${match}goto refuse`];
  return [
    [
      'refuse_from_host',
      [
        'type filter hook output priority filter; policy accept;',
        blocked,
        ...blockedPorts,
        ...refused('fib daddr type != local '),
      ],
    ],
    [
      'refuse_to_host',
      [
        'type filter hook input priority filter; policy accept;',
        blocked,
        ...blockedPorts,
        // route_localnet on the bridge lets answers come back to 127.0.0.1; nothing else may enter.
        ...(pods === undefined || family === 'ip6'
          ? []
          : [
              `iifname ${JSON.stringify(pods.interface)} ip daddr 127.0.0.0/8 ct state { new, invalid, untracked } drop`,
            ]),
      ],
    ],
    [
      'refuse_forwarded',
      [
        'type filter hook forward priority filter; policy accept;',
        blocked,
        // Whatever still has such an address after translation belongs to nobody.
        ...refused(''),
      ],
    ],
  ];
}
