/**
 * What one pod means to one policy, and to the node it is on: elements of sets and maps. Pure.
 *
 *   ingress, egress   address of an isolated pod : the chain of all its policies
 *   itself            address . address of an isolated pod: it may always speak to itself
 *   CHAIN-N           addresses of the pods that are peers of rule N of a policy's chain
 *   CHAIN-N-ports     address . protocol . port: what the names of ports in that rule stand for
 */
import { type Labels, matchesSelector } from '#api/meta/labels.ts';
import type { Element } from '#base/nftables/elements.ts';
import { blocksContain } from './address-blocks.ts';
import { peersSet, portsSet } from './chains.ts';
import type { PolicyPod } from './pods.ts';
import {
  type Direction,
  DIRECTIONS,
  isolationName,
  type Policy,
  type PolicyChain,
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
  if (isolations.length === 0) return [];
  return [
    ...isolations.map(({ direction, name }) => ({
      map: direction,
      key: pod.address,
      value: `goto ${name}`,
    })),
    { map: 'itself', key: `${pod.address} . ${pod.address}`, value: '' },
  ];
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
      const speaksTo =
        chain.direction === 'ingress' ? isIsolated : isDestination(rule, pod, isPeer);
      return [
        ...(isPeer ? [{ map: peersSet(chain, index), key: pod.address, value: '' }] : []),
        ...(speaksTo ? portElements(chain, index, pod) : []),
      ];
    }),
  );
}

/** Names of ports in a rule of egress are those of any pod that the rule lets its pods reach. */
function isDestination({ peers }: Rule, pod: PolicyPod, isPeer: boolean): boolean {
  return peers === undefined || isPeer || blocksContain(peers.blocks, pod.address);
}

function portElements(chain: PolicyChain, index: number, pod: PolicyPod): Element[] {
  const names = chain.rules[index]?.ports?.names ?? [];
  return namedPortKeys(pod, names).map((key) => ({ map: portsSet(chain, index), key, value: '' }));
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
