/**
 * The table as text for `nft -f -`: once whole, then by what changed.
 *
 *   forward ─▶ @egress: the source's isolation ─▶ its policies ─▶ after_egress
 *                                                                      │
 *              @ingress: the destination's isolation ◀─────────────────┘ ─▶ its policies ─▶ accept
 *
 * The first packet of a connection costs a look-up for each end, and for an isolated end a look-up
 * or two for each rule of its own policies, however many pods and policies there are. The packets
 * after it, and the answers, cost none: a connection that was let in stays when a policy changes,
 * as with upstream's reference implementation (kubernetes-sigs/kube-network-policies).
 *
 * A pod shall be isolated before its first container starts, and its address is known only later. So
 * while a pod of this node waits for one that policies isolate, no pod with an address that is not
 * known here sends, or is sent to, or neither, as it will be isolated. Pods that start meanwhile and
 * are not isolated wait with it; those that run notice nothing.
 * https://kubernetes.io/docs/concepts/services-networking/network-policies/#pod-lifecycle
 *
 * The filter is at the forward hook: after a Service's address was translated (prerouting), before
 * a pod's address is hidden (postrouting). What the node itself sends to its pods, and they to it,
 * is not forwarded, and so is always let through, as the documentation of NetworkPolicy has it.
 */
import { changeCommands, elementCommands, removalScript } from '#base/nftables/commands.ts';
import type { ElementChange, Elements } from '#base/nftables/elements.ts';
import { parseCidr } from '#base/ip.ts';
import { FAMILIES, type Family } from './address-blocks.ts';
import { AFTER_EGRESS, type Chain, FAMILY_WORDS, KNOWN, ofFamily, starting } from './chains.ts';
import { DIRECTIONS } from './policy.ts';

/** How neighbours on a link find each other (RFC 4861): it never leaves the link. */
export const NEIGHBOUR_DISCOVERY =
  'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255';
const REDIRECTS: Readonly<Record<Family, string>> = {
  4: 'icmp type redirect',
  6: 'icmpv6 type nd-redirect',
};

export interface TableOptions {
  /** Name of our tables, in family inet and in family bridge. */
  readonly table: string;
  /** CIDRs of all pods of the cluster: one of IPv4, one of IPv6, or both. */
  readonly podRanges: readonly string[];
  /** What the pods of this node hang on. */
  readonly bridge: { readonly name: string; readonly address: string };
}

/** The families of which pods have addresses: what rules are written for. */
export function familiesOf({ podRanges }: Pick<TableOptions, 'podRanges'>): Family[] {
  const own = new Set(podRanges.map((range) => parseCidr(range)?.family));
  return FAMILIES.filter((family) => own.has(family));
}

/** Every map and set that there always is, with its declaration. */
function mapsOf(families: readonly Family[]): [name: string, declaration: string][] {
  const ofFamilies = families.flatMap((family): [string, string][] => {
    const { type } = FAMILY_WORDS[family];
    const itself = ofFamily('itself', family);
    const known = ofFamily(KNOWN, family);
    return [
      ...DIRECTIONS.map((direction): [string, string] => {
        const name = ofFamily(direction, family);
        return [name, `map ${name} { type ${type} : verdict; }`];
      }),
      [itself, `set ${itself} { type ${type} . ${type}; }`],
      [known, `set ${known} { type ${type}; }`],
    ];
  });
  const gates = DIRECTIONS.map((direction): [string, string] => {
    const name = starting(direction);
    return [name, `map ${name} { type nf_proto : verdict; }`];
  });
  return [...ofFamilies, ...gates];
}

/**
 * Replaces the table by one with exactly these chains and elements; also that of an older version of
 * this program, which was of family ip and would go on refusing what its policies did.
 */
export function fullScript(
  options: TableOptions,
  chains: ReadonlyMap<string, Chain>,
  elements: Elements,
): string {
  const { table } = options;
  const maps = mapsOf(familiesOf(options)).map(([name]) => name);
  const sets = [...chains.values()].flatMap((chain) => chain.sets.map(({ name }) => name));
  return lines([
    `table inet ${table}`,
    `delete table inet ${table}`,
    removalScript('ip', table).trimEnd(),
    tableText(options),
    ...additions(table, chains),
    ...[...maps, ...sets].flatMap((set) =>
      elementCommands('add', { family: 'inet', name: table }, set, [...elements.entries(set)]),
    ),
  ]);
}

/** Leads from the chains `before` to those `after`, with `changes` of elements; empty: nothing. */
export function deltaScript(
  { table }: TableOptions,
  before: ReadonlyMap<string, Chain>,
  after: ReadonlyMap<string, Chain>,
  changes: readonly ElementChange[],
): string {
  const fresh = new Map([...after].filter(([name]) => !before.has(name)));
  const stale = new Map([...before].filter(([name]) => !after.has(name)));
  const staleSets = new Set(
    [...stale.values()].flatMap(({ sets }) => sets.map(({ name }) => name)),
  );
  return lines([
    ...additions(table, fresh),
    ...changeCommands(
      { family: 'inet', name: table },
      // The elements of a set go with it.
      changes.filter(({ map }) => !staleSets.has(map)),
    ),
    // First the jumps, then where they lead, then what is looked into.
    ...[...stale.keys()].map((name) => `flush chain inet ${table} ${name}`),
    ...[...stale.keys()].map((name) => `delete chain inet ${table} ${name}`),
    ...[...staleSets].map((name) => `delete set inet ${table} ${name}`),
  ]);
}

function additions(table: string, chains: ReadonlyMap<string, Chain>): string[] {
  return [...chains].flatMap(([name, { sets, rules }]) => [
    ...sets.map((set) => `add set inet ${table} ${set.name} { type ${set.type}; }`),
    `add chain inet ${table} ${name}`,
    ...rules.map((rule) => `add rule inet ${table} ${name} ${rule}`),
  ]);
}

/** Everything but what comes and goes with policies. */
function tableText(options: TableOptions): string {
  const { table, bridge } = options;
  const families = familiesOf(options);
  const own = JSON.stringify(bridge.name);
  const ofEach = (rule: (ip: string, family: Family) => string): string[] =>
    families.map((family) => rule(FAMILY_WORDS[family].ip, family));
  const chains: [name: string, rules: string[]][] = [
    [
      AFTER_EGRESS,
      [
        ...ofEach((ip, family) => `${ip} daddr vmap @${ofFamily('ingress', family)}`),
        ...ofEach(
          (ip, family) =>
            `oifname ${own} ${ip} daddr != @${ofFamily(KNOWN, family)} meta nfproto vmap @${starting('ingress')}`,
        ),
        'accept',
      ],
    ],
    [
      'police',
      [
        'type filter hook forward priority filter; policy accept;',
        'ct state established,related accept',
        // Seen here where br_netfilter shows frames of a bridge: without it no pod finds another.
        ...(families.includes(6) ? [`${NEIGHBOUR_DISCOVERY} accept`] : []),
        ...ofEach(
          (ip, family) => `${ip} saddr . ${ip} daddr @${ofFamily('itself', family)} accept`,
        ),
        ...ofEach((ip, family) => `${ip} saddr vmap @${ofFamily('egress', family)}`),
        ...ofEach(
          (ip, family) =>
            `iifname ${own} ${ip} saddr != @${ofFamily(KNOWN, family)} meta nfproto vmap @${starting('egress')}`,
        ),
        `goto ${AFTER_EGRESS}`,
      ],
    ],
    [
      // All traffic between pods goes through the node, and has to: it shall not tell of a shorter way.
      'keep_to_the_way',
      [
        'type filter hook output priority filter; policy accept;',
        ...families.map((family) => `oifname ${own} ${REDIRECTS[family]} drop`),
      ],
    ],
  ];
  return lines([
    `table inet ${table} {`,
    ...mapsOf(families).map(([, declaration]) => `  ${declaration}`),
    ...chains.map(
      ([name, rules]) => `  chain ${name} {\n${rules.map((rule) => `    ${rule}\n`).join('')}  }`,
    ),
    '}',
  ]).trimEnd();
}

function lines(commands: readonly string[]): string {
  return commands.map((command) => `${command}\n`).join('');
}
