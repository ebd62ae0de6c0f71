/**
 * The subresources of every kind, as discovery and OpenAPI name them.
 *
 * `status` and `scale` follow from the kind's definition; the rest, which act or show a part of the
 * object, are this table.
 *
 * Source: API reference v1.36.
 */
import type { AnyKind } from '#api/kind.ts';

export interface Subresource {
  readonly name: string;
  /** What a request holds and an answer shows. */
  readonly kind: string;
  /** The kind's group version where it is not the parent's. */
  readonly groupVersion?: { readonly group: string; readonly version: string };
  /** Sorted. */
  readonly verbs: readonly string[];
}

const VIEW = ['get', 'patch', 'update'] as const;
const STREAM = ['create', 'get'] as const;
const PROXY = ['create', 'delete', 'get', 'patch', 'update'] as const;

const SCALE: Subresource = {
  name: 'scale',
  kind: 'Scale',
  groupVersion: { group: 'autoscaling', version: 'v1' },
  verbs: VIEW,
};

/** By `<group>/<plural>`. */
const OTHERS: Readonly<Record<string, readonly Subresource[]>> = {
  '/namespaces': [{ name: 'finalize', kind: 'Namespace', verbs: ['update'] }],
  '/nodes': [{ name: 'proxy', kind: 'NodeProxyOptions', verbs: PROXY }],
  '/pods': [
    { name: 'attach', kind: 'PodAttachOptions', verbs: STREAM },
    { name: 'binding', kind: 'Binding', verbs: ['create'] },
    { name: 'ephemeralcontainers', kind: 'Pod', verbs: VIEW },
    {
      name: 'eviction',
      kind: 'Eviction',
      groupVersion: { group: 'policy', version: 'v1' },
      verbs: ['create'],
    },
    { name: 'exec', kind: 'PodExecOptions', verbs: STREAM },
    { name: 'log', kind: 'Pod', verbs: ['get'] },
    { name: 'portforward', kind: 'PodPortForwardOptions', verbs: STREAM },
    { name: 'proxy', kind: 'PodProxyOptions', verbs: PROXY },
    { name: 'resize', kind: 'Pod', verbs: VIEW },
  ],
  '/serviceaccounts': [
    {
      name: 'token',
      kind: 'TokenRequest',
      groupVersion: { group: 'authentication.k8s.io', version: 'v1' },
      verbs: ['create'],
    },
  ],
  '/services': [{ name: 'proxy', kind: 'ServiceProxyOptions', verbs: PROXY }],
  'certificates.k8s.io/certificatesigningrequests': [
    { name: 'approval', kind: 'CertificateSigningRequest', verbs: VIEW },
  ],
};

/** Whether `kind` has a subresource of this name. */
export function hasSubresource(kind: AnyKind, name: string): boolean {
  if (name === 'status') return kind.hasStatus === true;
  if (name === SCALE.name && kind.scale !== undefined) return true;
  return OTHERS[`${kind.group}/${kind.plural}`]?.some((other) => other.name === name) === true;
}

/** All subresources of `kind`, sorted by name. */
export function subresourcesOf(kind: AnyKind): Subresource[] {
  const found = [...(OTHERS[`${kind.group}/${kind.plural}`] ?? [])];
  if (kind.scale !== undefined) found.push(SCALE);
  if (kind.hasStatus === true) found.push({ name: 'status', kind: kind.kind, verbs: VIEW });
  return found.toSorted((left, right) => (left.name < right.name ? -1 : 1));
}
