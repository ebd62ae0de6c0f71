/**
 * A NetworkPolicy as it is enforced: for each direction in which it isolates pods, a chain. Pure.
 *
 * Names of chains are made of what is in them: a chain never changes, a changed policy has another.
 *
 * Source: API reference, NetworkPolicySpec v1.
 */
import { createHash } from 'node:crypto';
import type {
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
  NetworkPolicySpec,
} from '#api/gen/networking-v1.ts';
import { type Selector, selectorOf } from '#api/meta/labels.ts';
import { type AddressBlock, addressBlocksOf } from './address-blocks.ts';
import { type Ports, portsOf } from './ports.ts';

export const DIRECTIONS = ['ingress', 'egress'] as const;
export type Direction = (typeof DIRECTIONS)[number];

/** Pods by their labels, in namespaces by theirs; undefined: in the namespace of the policy. */
export interface PodPeer {
  readonly namespaces: Selector | undefined;
  readonly pods: Selector;
}

export interface Peers {
  readonly pods: readonly PodPeer[];
  readonly blocks: readonly AddressBlock[];
}

/** What passes: these peers with these ports; undefined: all. */
export interface Rule {
  readonly peers: Peers | undefined;
  readonly ports: Ports | undefined;
}

export interface PolicyChain {
  readonly name: string;
  readonly direction: Direction;
  readonly rules: readonly Rule[];
}

export interface Policy {
  readonly namespace: string;
  /** The pods that it isolates. */
  readonly pods: Selector;
  readonly chains: readonly PolicyChain[];
}

const HASH_LENGTH = 16;

export function policyOf({ metadata, spec }: NetworkPolicy): Policy {
  const namespace = metadata?.namespace ?? '';
  const key = `${namespace}/${metadata?.name ?? ''}`;
  const chains = directionsOf(spec).map((direction): PolicyChain => {
    const rules = rulesOf(spec, direction);
    return { name: `${direction}-${hashOf([key, rules])}`, direction, rules };
  });
  return { namespace, pods: selectorOf(spec?.podSelector ?? {}) ?? [], chains };
}

/** The name of what is isolated by all of `chains`, in whatever order. */
export function isolationName(direction: Direction, chains: readonly string[]): string {
  return `isolated-${direction}-${hashOf(chains.toSorted())}`;
}

/** Objects from before the field was defaulted may lack it. */
function directionsOf(spec: NetworkPolicySpec | undefined): Direction[] {
  const types = spec?.policyTypes ?? [];
  if (types.length > 0)
    return DIRECTIONS.filter((direction) => types.some((type) => type.toLowerCase() === direction));
  return (spec?.egress ?? []).length > 0 ? [...DIRECTIONS] : ['ingress'];
}

function rulesOf(spec: NetworkPolicySpec | undefined, direction: Direction): Rule[] {
  return direction === 'ingress'
    ? (spec?.ingress ?? []).map(({ from, ports }) => ruleOf(from, ports))
    : (spec?.egress ?? []).map(({ to, ports }) => ruleOf(to, ports));
}

function ruleOf(
  peers: readonly NetworkPolicyPeer[] | undefined,
  ports: readonly NetworkPolicyPort[] | undefined,
): Rule {
  return { peers: peersOf(peers), ports: portsOf(ports) };
}

function peersOf(peers: readonly NetworkPolicyPeer[] | undefined): Peers | undefined {
  if (peers === undefined || peers.length === 0) return undefined;
  return {
    pods: peers.flatMap(podPeersOf),
    blocks: addressBlocksOf(peers.flatMap(({ ipBlock }) => ipBlock ?? [])),
  };
}

function podPeersOf({ podSelector, namespaceSelector }: NetworkPolicyPeer): PodPeer[] {
  if (podSelector === undefined && namespaceSelector === undefined) return [];
  return [{ namespaces: selectorOf(namespaceSelector), pods: selectorOf(podSelector) ?? [] }];
}

function hashOf(content: unknown): string {
  const text = JSON.stringify(content, (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
  return createHash('sha256').update(text).digest('hex').slice(0, HASH_LENGTH);
}
