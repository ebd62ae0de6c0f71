/**
 * The chains that the maps lead to, and the sets that they look into. Pure.
 *
 * A chain of a policy gives its verdict when a rule lets the packet pass, and ends without one
 * otherwise; a chain of an isolation asks those of its policies in turn, and drops what none lets
 * pass. What egress lets pass has still to ask the ingress of where it goes.
 */
import { addressBlockText } from './address-blocks.ts';
import type { Isolation } from './plan.ts';
import type { Direction, Peers, PolicyChain, Rule } from './policy.ts';
import { portRangeText } from './ports.ts';

export interface Chain {
  readonly sets: readonly { readonly name: string; readonly type: string }[];
  readonly rules: readonly string[];
}

/** Where packets go on that may leave their pod. */
export const AFTER_EGRESS = 'after_egress';
/** The whole of a destination: address, protocol and port. */
const PLACE = 'ip daddr . meta l4proto . th dport';

const VERDICTS: Readonly<Record<Direction, string>> = {
  ingress: 'accept',
  egress: `goto ${AFTER_EGRESS}`,
};
const PEER_ADDRESSES: Readonly<Record<Direction, string>> = {
  ingress: 'ip saddr',
  egress: 'ip daddr',
};

export function peersSet({ name }: Pick<PolicyChain, 'name'>, index: number): string {
  return `${name}-${index}`;
}

export function portsSet({ name }: Pick<PolicyChain, 'name'>, index: number): string {
  return `${name}-${index}-ports`;
}

export function policyChain(chain: PolicyChain): Chain {
  return {
    sets: chain.rules.flatMap((rule, index) => setsOf(chain, rule, index)),
    rules: chain.rules.flatMap((rule, index) => rulesOf(chain, rule, index)),
  };
}

export function isolationChain({ chains }: Isolation): Chain {
  return { sets: [], rules: [...chains.map((name) => `jump ${name}`), 'drop'] };
}

function setsOf(chain: PolicyChain, { peers, ports }: Rule, index: number): Chain['sets'] {
  const hasPods = (peers?.pods ?? []).length > 0;
  const hasNames = (ports?.names ?? []).length > 0;
  return [
    ...(hasPods ? [{ name: peersSet(chain, index), type: 'ipv4_addr' }] : []),
    ...(hasNames
      ? [{ name: portsSet(chain, index), type: 'ipv4_addr . inet_proto . inet_service' }]
      : []),
  ];
}

function rulesOf(chain: PolicyChain, { peers, ports }: Rule, index: number): string[] {
  const verdict = VERDICTS[chain.direction];
  const places = peers === undefined ? [''] : peerMatches(chain, peers, index);
  const named = `${PLACE} @${portsSet(chain, index)} `;
  const rules: string[] = [];
  if (ports === undefined || ports.ranges.length > 0) {
    const numbers =
      ports === undefined
        ? ''
        : `meta l4proto . th dport { ${ports.ranges.map(portRangeText).join(', ')} } `;
    rules.push(...places.map((place) => `${place}${numbers}${verdict}`));
  }
  if (ports !== undefined && ports.names.length > 0) {
    // On the way out the set holds ports of peers alone.
    const from = chain.direction === 'egress' ? [''] : places;
    rules.push(...from.map((place) => `${place}${named}${verdict}`));
  }
  return rules;
}

/** Ways to be a peer; none when nobody can be. */
function peerMatches(chain: PolicyChain, peers: Peers, index: number): string[] {
  const address = PEER_ADDRESSES[chain.direction];
  return [
    ...(peers.pods.length > 0 ? [`${address} @${peersSet(chain, index)} `] : []),
    ...(peers.blocks.length > 0
      ? [`${address} { ${peers.blocks.map(addressBlockText).join(', ')} } `]
      : []),
  ];
}
