/**
 * The chains that the maps lead to, and the sets that they look into. Pure.
 *
 * A chain of a policy gives its verdict when a rule lets the packet pass, and ends without one
 * otherwise; a chain of an isolation asks those of its policies in turn, and drops what none lets
 * pass. What egress lets pass has still to ask the ingress of where it goes.
 */
import { addressBlockText, type Family } from './address-blocks.ts';
import type { Isolation } from './plan.ts';
import type { Direction, Peers, PolicyChain, Rule } from './policy.ts';
import { portRangeText } from './ports.ts';

export interface Chain {
  readonly sets: readonly { readonly name: string; readonly type: string }[];
  readonly rules: readonly string[];
}

/** Where packets go on that may leave their pod. */
export const AFTER_EGRESS = 'after_egress';
/** The set of addresses of the pods of this node. */
export const KNOWN = 'known';

/** The map of what is done, family by family, to pods of this node that are not known yet. */
export function starting(direction: Direction): string {
  return `starting-${direction}`;
}

/** Keys of that map, as nft writes them. */
export const PROTOCOLS: Readonly<Record<Family, string>> = { 4: 'ipv4', 6: 'ipv6' };

/** How rules write a family, and sets its addresses. */
export const FAMILY_WORDS: Readonly<
  Record<Family, { readonly ip: string; readonly type: string }>
> = {
  4: { ip: 'ip', type: 'ipv4_addr' },
  6: { ip: 'ip6', type: 'ipv6_addr' },
};

const VERDICTS: Readonly<Record<Direction, string>> = {
  ingress: 'accept',
  egress: `goto ${AFTER_EGRESS}`,
};
const PEER_ADDRESSES: Readonly<Record<Direction, string>> = { ingress: 'saddr', egress: 'daddr' };

/** The set or map `name` for addresses of `family`: a set has addresses of one. */
export function ofFamily(name: string, family: Family): string {
  return family === 4 ? name : `${name}-ip6`;
}

export function peersSet({ name }: Pick<PolicyChain, 'name'>, index: number): string {
  return `${name}-${index}`;
}

export function portsSet({ name }: Pick<PolicyChain, 'name'>, index: number): string {
  return `${name}-${index}-ports`;
}

/** `families`: those that pods of the cluster have. */
export function policyChain(chain: PolicyChain, families: readonly Family[]): Chain {
  const each = <T>(what: (rule: Rule, place: Place) => T[]): T[] =>
    chain.rules.flatMap((rule, index) => what(rule, { chain, index, families }));
  return { sets: each(setsOf), rules: each(rulesOf) };
}

export function isolationChain({ chains }: Isolation): Chain {
  return { sets: [], rules: [...chains.map((name) => `jump ${name}`), 'drop'] };
}

/** Where a rule of a policy stands. */
interface Place {
  readonly chain: PolicyChain;
  readonly index: number;
  readonly families: readonly Family[];
}

function setsOf({ peers, ports }: Rule, { chain, index, families }: Place): Chain['sets'][0][] {
  const hasPods = (peers?.pods ?? []).length > 0;
  const hasNames = (ports?.names ?? []).length > 0;
  return families.flatMap((family) => {
    const { type } = FAMILY_WORDS[family];
    const addresses = { name: ofFamily(peersSet(chain, index), family), type };
    const places = {
      name: ofFamily(portsSet(chain, index), family),
      type: `${type} . inet_proto . inet_service`,
    };
    return [...(hasPods ? [addresses] : []), ...(hasNames ? [places] : [])];
  });
}

function rulesOf({ peers, ports }: Rule, place: Place): string[] {
  const { chain, index, families } = place;
  const verdict = VERDICTS[chain.direction];
  const rules: string[] = [];
  if (ports === undefined || ports.ranges.length > 0) {
    const numbers =
      ports === undefined
        ? ''
        : `meta l4proto . th dport { ${ports.ranges.map(portRangeText).join(', ')} } `;
    const from =
      peers === undefined ? [''] : families.flatMap((family) => peerMatches(peers, place, family));
    rules.push(...from.map((match) => `${match}${numbers}${verdict}`));
  }
  if (ports !== undefined && ports.names.length > 0) {
    for (const family of families) {
      const set = ofFamily(portsSet(chain, index), family);
      const named = `${FAMILY_WORDS[family].ip} daddr . meta l4proto . th dport @${set} `;
      // On the way out the set holds ports of peers alone.
      const isOpen = peers === undefined || chain.direction === 'egress';
      const from = isOpen ? [''] : peerMatches(peers, place, family);
      rules.push(...from.map((match) => `${match}${named}${verdict}`));
    }
  }
  return rules;
}

/** Ways to be a peer by an address of `family`; none when nobody can be. */
function peerMatches({ pods, blocks }: Peers, { chain, index }: Place, family: Family): string[] {
  const address = `${FAMILY_WORDS[family].ip} ${PEER_ADDRESSES[chain.direction]}`;
  const own = blocks.filter((block) => block.family === family).map(addressBlockText);
  return [
    ...(pods.length > 0 ? [`${address} @${ofFamily(peersSet(chain, index), family)} `] : []),
    ...(own.length > 0 ? [`${address} { ${own.join(', ')} } `] : []),
  ];
}
