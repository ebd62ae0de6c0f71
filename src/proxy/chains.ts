/**
 * The chains that maps point at. There is no chain per Service: a chain stands for a way of
 * choosing, shared by all Services that choose that way, and its name says the way.
 */

import type { IpFamily } from './ip-family.ts';
import { type LocalTraffic, localMatch } from './local-traffic.ts';
import { digestOf, sourceRules } from './sources.ts';

export interface Pick {
  /** The map that led here, and with it the map of endpoints to draw from. */
  readonly family: 'services' | 'node_ports' | 'outside_services' | 'outside_node_ports';
  /** Whose source address the endpoint shall not see (masquerade). */
  readonly hide: 'all' | 'outsiders' | 'nobody';
  /** Endpoints to draw from. */
  readonly count: number;
  /** A client that came before goes where it went before. */
  readonly sticky: boolean;
}

/** The packet mark of traffic to masquerade; the bit that upstream uses (iptablesMasqueradeBit). */
export const MASQUERADE_MARK = '0x4000';

const PROTOCOLS = ['tcp', 'udp', 'sctp'] as const;
const TRANSPORT = `meta l4proto { ${PROTOCOLS.join(', ')} }`;

const ENDPOINTS_BY_FAMILY: Readonly<Record<Pick['family'], string>> = {
  services: 'IP daddr . meta l4proto . th dport . numgen random mod COUNT map @endpoints',
  node_ports: 'meta l4proto . th dport . numgen random mod COUNT map @node_endpoints',
  outside_services:
    'IP daddr . meta l4proto . th dport . numgen random mod COUNT map @outside_endpoints',
  outside_node_ports:
    'meta l4proto . th dport . numgen random mod COUNT map @outside_node_endpoints',
};

export function pickChain(pick: Pick): string {
  return `pick-${pick.family}-${pick.hide}-${pick.count}${pick.sticky ? '-sticky' : ''}`;
}

/** The chain that remembers for `seconds` where a client went. */
export function rememberChain(seconds: number): string {
  return `remember-${seconds}`;
}

/** Chains for at least so many endpoints are there from the start. */
const SPARE_COUNT_MIN = 16;

/**
 * The chains to make when the table is written: those that are `needed`, and for each way of
 * choosing those for fewer and for some more endpoints, so that the table need not be written
 * again when a Service grows.
 */
export function spareChains(needed: ReadonlySet<string>): Set<string> {
  const chains = new Set([...needed].filter((chain) => parsePick(chain) === undefined));
  const ways = new Map<string, Pick>();
  const usual: Pick[] = [
    { family: 'services', hide: 'outsiders', count: 1, sticky: false },
    { family: 'node_ports', hide: 'all', count: 1, sticky: false },
  ];
  for (const pick of [...usual, ...[...needed].flatMap((chain) => parsePick(chain) ?? [])]) {
    const way = `${pick.family} ${pick.hide} ${pick.sticky}`;
    if (pick.count > (ways.get(way)?.count ?? 0)) ways.set(way, pick);
  }
  for (const pick of ways.values()) {
    const most = Math.max(SPARE_COUNT_MIN, 2 ** Math.ceil(Math.log2(pick.count + 1)));
    for (let count = 1; count <= most; count++) chains.add(pickChain({ ...pick, count }));
  }
  return chains;
}

function parsePick(name: string): Pick | undefined {
  const match = /^pick-([a-z_]+)-(all|outsiders|nobody)-(\d+)(-sticky)?$/.exec(name);
  const [, family, hide, count, sticky] = match ?? [];
  if (!isFamily(family) || (hide !== 'all' && hide !== 'outsiders' && hide !== 'nobody'))
    return undefined;
  return { family, hide, count: Number(count), sticky: sticky !== undefined };
}

export interface ChainFacts {
  readonly family: IpFamily;
  /** What comes from pods; undefined: nobody can tell. */
  readonly local: LocalTraffic | undefined;
  /** Pods count as outsiders too. */
  readonly masqueradeAll: boolean;
  /** The list of sources of this digest. */
  readonly sources: (digest: string) => string | undefined;
}

/** The rules of a chain, from its name. */
export function chainRules(name: string, facts: ChainFacts): string[] {
  const { family, sources } = facts;
  const list = sources(digestOf(name) ?? '');
  if (list !== undefined) return sourceRules(list, family);
  const remember = /^remember-(\d+)$/.exec(name);
  if (remember?.[1] !== undefined) return rememberRules(remember[1], family);
  const pick = parsePick(name);
  if (pick === undefined)
    throw new RangeError(`Cannot write chain ${JSON.stringify(name)}: not a name of ours`);
  const target = ENDPOINTS_BY_FAMILY[pick.family]
    .replace('IP', family)
    .replace('COUNT', String(pick.count));
  return [
    ...markRules(pick.hide, facts),
    ...(!pick.sticky
      ? []
      : [
          `${TRANSPORT} dnat ${family} to ${family} saddr . ${family} daddr . meta l4proto . th dport map @affinity`,
        ]),
    `${TRANSPORT} dnat ${family} to ${target}`,
  ];
}

function markRules(hide: Pick['hide'], { family, local, masqueradeAll }: ChainFacts): string[] {
  const mark = `meta mark set meta mark | ${MASQUERADE_MARK}`;
  if (hide === 'all' || (hide === 'outsiders' && masqueradeAll)) return [mark];
  if (hide === 'nobody' || local === undefined) return [];
  return [`${localMatch(local, family, '!=')} ${mark}`];
}

/** One rule a protocol: `ct original proto-dst` has a type only where the protocol is known. */
function rememberRules(seconds: string, ip: IpFamily): string[] {
  return PROTOCOLS.map(
    (protocol) =>
      `meta l4proto ${protocol} update @affinity { ct original ${ip} saddr . ct original ${ip} daddr . ` +
      `meta l4proto . ct original proto-dst timeout ${seconds}s : ${ip} daddr . ${protocol} dport }`,
  );
}

/** The rules that lead a new connection to its `remember` chain. */
export function stickyRules(ip: IpFamily): string[] {
  return PROTOCOLS.flatMap((protocol) => [
    `meta l4proto ${protocol} ct original ${ip} daddr . meta l4proto . ct original proto-dst vmap @sticky_services`,
    `meta l4proto ${protocol} meta l4proto . ct original proto-dst vmap @sticky_node_ports`,
  ]);
}

function isFamily(name: string | undefined): name is Pick['family'] {
  return name !== undefined && Object.hasOwn(ENDPOINTS_BY_FAMILY, name);
}

/** The chain that a verdict goes to, when it is one of the chains made on demand. */
export function chainOfVerdict(verdict: string): string | undefined {
  const name = /^goto ((?:pick|remember|sources)-\S+)$/.exec(verdict)?.[1];
  return name;
}
