/**
 * What the API documentation says of a connection: whether the policies of a world let it pass.
 *
 * Written from the documentation alone, object by object and slow, and shares nothing with what
 * enforces policies. Sources: API reference, NetworkPolicySpec v1, and
 * https://kubernetes.io/docs/concepts/services-networking/network-policies/.
 */
import { BlockList } from 'node:net';
import type { Container, Pod } from '#api/gen/core-v1.ts';
import type { LabelSelector } from '#api/meta/object.ts';
import type {
  IPBlock,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
} from '#api/gen/networking-v1.ts';
import type { PolicyWorld } from './world.ts';

/** One end of a connection; without a pod it is somewhere outside. */
export interface End {
  readonly pod: Pod | undefined;
  readonly address: string;
}

export interface Port {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly number: number;
}

/** "For a connection from a source pod to a destination pod to be allowed, both the egress policy on the source pod and the ingress policy on the destination pod need to allow the connection." */
export function isAllowed(world: PolicyWorld, from: End, to: End, port: Port): boolean {
  // "A Pod cannot block access to itself."
  if (from.pod !== undefined && from.pod === to.pod) return true;
  return (
    oneSide(world, 'Egress', { own: from, other: to, to, port }) &&
    oneSide(world, 'Ingress', { own: to, other: from, to, port })
  );
}

interface Attempt {
  readonly own: End;
  readonly other: End;
  readonly to: End;
  readonly port: Port;
}

function oneSide(world: PolicyWorld, type: 'Ingress' | 'Egress', attempt: Attempt): boolean {
  const { pod } = attempt.own;
  if (pod === undefined) return true;
  const isolating = [...world.policies.values()].filter(
    (policy) =>
      policy.metadata?.namespace === pod.metadata?.namespace &&
      selects(policy.spec!.podSelector, pod.metadata?.labels) &&
      typesOf(policy).includes(type),
  );
  // "Policies do not conflict; they are additive."
  return isolating.length === 0 || isolating.some((policy) => lets(world, policy, type, attempt));
}

/** "If no policyTypes are specified … then by default Ingress will always be set and Egress will be set if the NetworkPolicy has any egress rules." */
function typesOf({ spec }: NetworkPolicy): string[] {
  if (spec?.policyTypes !== undefined && spec.policyTypes.length > 0) return spec.policyTypes;
  return spec?.egress !== undefined && spec.egress.length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
}

function lets(
  world: PolicyWorld,
  policy: NetworkPolicy,
  type: 'Ingress' | 'Egress',
  { other, to, port }: Attempt,
): boolean {
  const rules: { peers?: NetworkPolicyPeer[]; ports?: NetworkPolicyPort[] }[] = [];
  if (type === 'Ingress') {
    for (const rule of policy.spec?.ingress ?? [])
      rules.push({ peers: rule.from ?? [], ports: rule.ports ?? [] });
  } else {
    for (const rule of policy.spec?.egress ?? [])
      rules.push({ peers: rule.to ?? [], ports: rule.ports ?? [] });
  }
  return rules.some(
    ({ peers = [], ports = [] }) =>
      // "If this field is empty or missing, this rule matches all …".
      (peers.length === 0 || peers.some((peer) => isPeer(world, policy, peer, other))) &&
      (ports.length === 0 || ports.some((each) => isPort(each, to, port))),
  );
}

function isPeer(
  world: PolicyWorld,
  policy: NetworkPolicy,
  peer: NetworkPolicyPeer,
  { pod, address }: End,
): boolean {
  if (peer.ipBlock !== undefined) return isInBlock(peer.ipBlock, address);
  if (pod === undefined) return false;
  const namespace = pod.metadata?.namespace ?? '';
  if (peer.podSelector !== undefined && !selects(peer.podSelector, pod.metadata?.labels))
    return false;
  if (peer.namespaceSelector === undefined) return namespace === policy.metadata?.namespace;
  const found = world.namespaces.get(namespace);
  return found !== undefined && selects(peer.namespaceSelector, found.metadata?.labels);
}

function isInBlock({ cidr, except = [] }: IPBlock, address: string): boolean {
  const holds = (range: string): boolean => {
    const list = new BlockList();
    const [base = '', prefix] = range.split('/');
    list.addSubnet(base, Number(prefix), base.includes(':') ? 'ipv6' : 'ipv4');
    return list.check(address, address.includes(':') ? 'ipv6' : 'ipv4');
  };
  return (
    cidr.includes(':') === address.includes(':') &&
    holds(cidr) &&
    !except.some((each) => holds(each))
  );
}

/** Names are those of the pod that is spoken to. "Default value is TCP." */
function isPort(
  { protocol = 'TCP', port, endPort }: NetworkPolicyPort,
  to: End,
  at: Port,
): boolean {
  if (protocol !== at.protocol) return false;
  if (port === undefined) return true;
  if (typeof port === 'number') return port <= at.number && at.number <= (endPort ?? port);
  const sidecars = (to.pod?.spec?.initContainers ?? []).filter(
    (container) => container.restartPolicy === 'Always',
  );
  const containers: Container[] = [...(to.pod?.spec?.containers ?? []), ...sidecars];
  const named = containers
    .flatMap((container) => container.ports ?? [])
    .find((each) => each.name === port && (each.protocol ?? 'TCP') === protocol);
  return named?.containerPort === at.number;
}

function selects(selector: LabelSelector, labels: Record<string, string> = {}): boolean {
  for (const [key, value] of Object.entries(selector.matchLabels ?? {}))
    if (labels[key] !== value) return false;
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    const value = labels[key];
    if (operator === 'Exists' && value === undefined) return false;
    if (operator === 'DoesNotExist' && value !== undefined) return false;
    if (operator === 'In' && (value === undefined || !values.includes(value))) return false;
    if (operator === 'NotIn' && value !== undefined && values.includes(value)) return false;
  }
  return true;
}
