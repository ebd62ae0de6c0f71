/**
 * Worlds of namespaces, pods and policies, and the one of upstream's own NetworkPolicy suite: pods
 * a, b and c in namespaces x, y and z (test/e2e/network/netpol/model.go, v1.36).
 */
import type { Namespace, Pod } from '#api/gen/core-v1.ts';
import type { NetworkPolicy, NetworkPolicySpec } from '#api/gen/networking-v1.ts';

/** Everything by its key: `x`, `x/a`. */
export interface PolicyWorld {
  readonly namespaces: Map<string, Namespace>;
  readonly pods: Map<string, Pod>;
  readonly policies: Map<string, NetworkPolicy>;
}

/** `object` undefined: it is deleted. */
export type WorldChange =
  | { readonly kind: 'namespaces'; readonly key: string; readonly object: Namespace | undefined }
  | { readonly kind: 'pods'; readonly key: string; readonly object: Pod | undefined }
  | { readonly kind: 'policies'; readonly key: string; readonly object: NetworkPolicy | undefined };

type Labels = Record<string, string>;

export function emptyWorld(): PolicyWorld {
  return { namespaces: new Map(), pods: new Map(), policies: new Map() };
}

/** The names of its kinds in the API, which are those of its watches. */
export const PLURALS = {
  namespaces: 'namespaces',
  pods: 'pods',
  policies: 'networkpolicies',
} as const;

export function applyChange(world: PolicyWorld, { kind, key, object }: WorldChange): void {
  const objects: Map<string, Namespace | Pod | NetworkPolicy> = world[kind];
  if (object === undefined) objects.delete(key);
  else objects.set(key, object);
}

/** The namespace, with the label that the API server gives it (KEP-2161). */
export function namespaceIs(name: string, labels: Labels = { ns: name }): WorldChange {
  const metadata = { name, labels: { 'kubernetes.io/metadata.name': name, ...labels } };
  return { kind: 'namespaces', key: name, object: { metadata } };
}

/** A policy of namespace `x` unless told. */
export function policyIs(spec: NetworkPolicySpec | undefined, name = 'p', namespace = 'x') {
  const object = spec && { metadata: { namespace, name }, spec };
  return { kind: 'policies', key: `${namespace}/${name}`, object } satisfies WorldChange;
}

const NAMES = ['a', 'b', 'c'];
const NAMESPACES = ['x', 'y', 'z'];
const PROTOCOLS = ['TCP', 'UDP', 'SCTP'] as const;
/** What every pod listens on, by every protocol. */
export const PORTS = [80, 81] as const;

/** `x/a`: its place among the nine. */
function placeOf(key: string): number {
  const [namespace = '', name = ''] = key.split('/');
  return NAMESPACES.indexOf(namespace) * NAMES.length + NAMES.indexOf(name);
}

export const NINE: readonly string[] = NAMESPACES.flatMap((namespace) =>
  NAMES.map((name) => `${namespace}/${name}`),
);

/** Of one of the nine: IPv4 and then IPv6. */
export function addressesOf(key: string): [string, string] {
  return [`10.244.0.${10 + placeOf(key)}`, `fd00:10:244::${10 + placeOf(key)}`];
}

/** One of the nine, on `node`, with these labels. */
export function podIs(key: string, node: string, labels?: Labels): WorldChange {
  const [namespace = '', name = ''] = key.split('/');
  const ports = PORTS.flatMap((port) =>
    PROTOCOLS.map((protocol) => ({
      // As upstream's suite names them; a name has at most 15 characters.
      name: `serve-${port}-${protocol.toLowerCase()}`,
      containerPort: port,
      protocol,
    })),
  );
  const [podIP, second] = addressesOf(key);
  const object: Pod = {
    metadata: { namespace, name, labels: labels ?? { pod: name } },
    spec: { nodeName: node, containers: [{ name: 'serve', ports }] },
    status: { phase: 'Running', podIP, podIPs: [{ ip: podIP }, { ip: second }] },
  };
  return { kind: 'pods', key, object };
}

/** The nine; `nodeOf` says where each runs. */
export function theNine(nodeOf: (key: string) => string): WorldChange[] {
  return [
    ...NAMESPACES.map((name) => namespaceIs(name)),
    ...NINE.map((key) => podIs(key, nodeOf(key))),
  ];
}
