/**
 * What one pod means to one policy, and to the node it is on: elements of sets and maps. Pure.
 *
 *   ingress, egress   address of an isolated pod : the chain of all its policies
 *   itself            address . address of an isolated pod: it may always speak to itself
 *   known             addresses of the pods of this node
 *   starting-…        ingress, egress: what becomes of addresses of pods that are not known here,
 *                     while a pod that shall be isolated has none yet
 *   CHAIN-N           addresses of the pods that are peers of rule N of a policy's chain
 *   CHAIN-N-ports     address . protocol . port: what the names of ports in that rule stand for
 *
 * Each is there once for IPv4 and, as ingress-ip6 and so on, once for IPv6.
 */
import { type Labels, matchesSelector } from '#api/meta/labels.ts';
import type { Element } from '#base/nftables/elements.ts';
import { blocksContain } from './address-blocks.ts';
import { KNOWN, ofFamily, peersSet, portsSet, PROTOCOLS, starting } from './chains.ts';
import type { PodAddress, PolicyPod } from './pods.ts';
import {
  type Direction,
  DIRECTIONS,
  isolationName,
  type Policy,
  type PodPeer,
  type Rule,
} from './policy.ts';
import { namedPortKeys } from './ports.ts';

/** Labels of a namespace by its name; undefined when it is not known. */
export type NamespaceLabels = (name: string) => Labels;

export function selects(policy: Policy, pod: PolicyPod): boolean {
  return policy.namespace === pod.namespace && matchesSelector(policy.pods, pod.labels);
}

/** What `policies`, all that select `pod`, do to it on its own node. */
export function planIsolation(pod: PolicyPod, policies: readonly Policy[]): Element[] {
  const isolations = isolationsOf(policies);
  if (pod.addresses.length === 0)
    return isolations.flatMap(({ direction }) =>
      Object.values(PROTOCOLS).map((key) => ({ map: starting(direction), key, value: 'drop' })),
    );
  const known = pod.addresses.map(({ family, text }) => ({
    map: ofFamily(KNOWN, family),
    key: text,
    value: '',
  }));
  if (isolations.length === 0) return known;
  const isolated = pod.addresses.flatMap(({ family, text }) => [
    ...isolations.map(({ direction, name }) => ({
      map: ofFamily(direction, family),
      key: text,
      value: `goto ${name}`,
    })),
    { map: ofFamily('itself', family), key: `${text} . ${text}`, value: '' },
  ]);
  return [...known, ...isolated];
}

export interface Isolation {
  readonly direction: Direction;
  readonly name: string;
  /** Names of the chains of policies, any of which may let a packet pass. */
  readonly chains: readonly string[];
}

export function isolationsOf(policies: readonly Policy[]): Isolation[] {
  const all = policies.flatMap((policy) => policy.chains);
  return DIRECTIONS.flatMap((direction) => {
    const chains = all.filter((chain) => chain.direction === direction).map(({ name }) => name);
    return chains.length === 0
      ? []
      : [{ direction, name: isolationName(direction, chains), chains: chains.toSorted() }];
  });
}

/** What `pod` adds to the sets of `policy`. `isIsolated`: it is one of those on this node. */
export function planMembership(
  policy: Policy,
  pod: PolicyPod,
  { labelsOf, isIsolated }: { labelsOf: NamespaceLabels; isIsolated: boolean },
): Element[] {
  return policy.chains.flatMap((chain) =>
    chain.rules.flatMap((rule, index) => {
      const isPeer = (rule.peers?.pods ?? []).some((peer) =>
        matchesPeer(peer, { pod, policy, labelsOf }),
      );
      return pod.addresses.flatMap((address) => {
        const { family, text } = address;
        const speaksTo =
          chain.direction === 'ingress' ? isIsolated : isDestination(rule, address, isPeer);
        const peer = { map: ofFamily(peersSet(chain, index), family), key: text, value: '' };
        const ports = namedPortKeys(pod, rule.ports?.names ?? []).map((port) => ({
          map: ofFamily(portsSet(chain, index), family),
          key: `${text} . ${port}`,
          value: '',
        }));
        return [...(isPeer ? [peer] : []), ...(speaksTo ? ports : [])];
      });
    }),
  );
}

/** Names of ports in a rule of egress are those of any pod that the rule lets its pods reach. */
function isDestination({ peers }: Rule, address: PodAddress, isPeer: boolean): boolean {
  return peers === undefined || isPeer || blocksContain(peers.blocks, address);
}

function matchesPeer(
  peer: PodPeer,
  { pod, policy, labelsOf }: { pod: PolicyPod; policy: Policy; labelsOf: NamespaceLabels },
): boolean {
  if (!matchesSelector(peer.pods, pod.labels)) return false;
  if (peer.namespaces === undefined) return pod.namespace === policy.namespace;
  const labels = labelsOf(pod.namespace);
  return labels !== undefined && matchesSelector(peer.namespaces, labels);
}
