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
 * The filter is at the forward hook: after a Service's address was translated (prerouting), before
 * a pod's address is hidden (postrouting). What the node itself sends to its pods, and they to it,
 * is not forwarded, and so is always let through, as the documentation of NetworkPolicy has it.
 */
import { changeCommands, elementCommands } from '#base/nftables/commands.ts';
import type { ElementChange, Elements } from '#base/nftables/elements.ts';
import { AFTER_EGRESS, type Chain } from './chains.ts';

export interface TableOptions {
  /** Name of our tables, in family ip and in family bridge. */
  readonly table: string;
  /** CIDR of all pods of the cluster. */
  readonly podRange: string;
  /** What the pods of this node hang on. */
  readonly bridge: { readonly name: string; readonly address: string };
}

const MAPS = ['ingress', 'egress', 'itself'] as const;
const MAP_DECLARATIONS: Readonly<Record<(typeof MAPS)[number], string>> = {
  ingress: 'map ingress { type ipv4_addr : verdict; }',
  egress: 'map egress { type ipv4_addr : verdict; }',
  itself: 'set itself { type ipv4_addr . ipv4_addr; }',
};

/** Replaces the table by one with exactly these chains and elements. */
export function fullScript(
  options: TableOptions,
  chains: ReadonlyMap<string, Chain>,
  elements: Elements,
): string {
  const { table } = options;
  const sets = [...chains.values()].flatMap((chain) => chain.sets.map(({ name }) => name));
  return lines([
    `table ip ${table}`,
    `delete table ip ${table}`,
    tableText(options),
    ...additions(table, chains),
    ...[...MAPS, ...sets].flatMap((set) =>
      elementCommands('add', table, set, [...elements.entries(set)]),
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
      table,
      // The elements of a set go with it.
      changes.filter(({ map }) => !staleSets.has(map)),
    ),
    // First the jumps, then where they lead, then what is looked into.
    ...[...stale.keys()].map((name) => `flush chain ip ${table} ${name}`),
    ...[...stale.keys()].map((name) => `delete chain ip ${table} ${name}`),
    ...[...staleSets].map((name) => `delete set ip ${table} ${name}`),
  ]);
}

function additions(table: string, chains: ReadonlyMap<string, Chain>): string[] {
  return [...chains].flatMap(([name, { sets, rules }]) => [
    ...sets.map((set) => `add set ip ${table} ${set.name} { type ${set.type}; }`),
    `add chain ip ${table} ${name}`,
    ...rules.map((rule) => `add rule ip ${table} ${name} ${rule}`),
  ]);
}

/** Everything but what comes and goes with policies. */
function tableText({ table, bridge }: TableOptions): string {
  const chains: [name: string, rules: string[]][] = [
    [AFTER_EGRESS, ['ip daddr vmap @ingress', 'accept']],
    [
      'police',
      [
        'type filter hook forward priority filter; policy accept;',
        'ct state established,related accept',
        'ip saddr . ip daddr @itself accept',
        'ip saddr vmap @egress',
        `goto ${AFTER_EGRESS}`,
      ],
    ],
    [
      // All traffic between pods goes through the node, and has to: it shall not tell of a shorter way.
      'keep_to_the_way',
      [
        'type filter hook output priority filter; policy accept;',
        `oifname ${JSON.stringify(bridge.name)} icmp type redirect drop`,
      ],
    ],
  ];
  return lines([
    `table ip ${table} {`,
    ...MAPS.map((name) => `  ${MAP_DECLARATIONS[name]}`),
    ...chains.map(
      ([name, rules]) => `  chain ${name} {\n${rules.map((rule) => `    ${rule}\n`).join('')}  }`,
    ),
    '}',
  ]).trimEnd();
}

function lines(commands: readonly string[]): string {
  return commands.map((command) => `${command}\n`).join('');
}
