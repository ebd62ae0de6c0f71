/**
 * What a machine may do that joins, and what a node may then read: kubeadm's roles and bindings, and
 * what the other parts of a node's process read, which on a joined node show the node's own
 * certificate.
 *
 * Source: upstream cmd/kubeadm/app/phases/{bootstraptoken,kubelet,uploadconfig}, v1.36.
 */
import { CLUSTER_INFO } from '#kubelet/bootstrap/cluster-info.ts';
import { KUBEADM_CONFIG, KUBELET_CONFIG, NODE_TOKEN_GROUP } from './join-names.ts';

const RBAC = 'rbac.authorization.k8s.io';
export const NODES_GROUP = 'system:nodes';
const CSR = 'system:certificates.k8s.io:certificatesigningrequests';

interface Subject {
  readonly kind: 'User' | 'Group';
  readonly name: string;
}

const group = (name: string): Subject => ({ kind: 'Group', name });
const TOKENS = group(NODE_TOKEN_GROUP);
const NODES = group(NODES_GROUP);

/** Cluster-wide: name, role, subjects. */
const CLUSTER_BINDINGS: readonly (readonly [name: string, role: string, subject: Subject])[] = [
  ['kubeadm:kubelet-bootstrap', 'system:node-bootstrapper', TOKENS],
  ['kubeadm:node-autoapprove-bootstrap', `${CSR}:nodeclient`, TOKENS],
  ['kubeadm:node-autoapprove-certificate-rotation', `${CSR}:selfnodeclient`, NODES],
  ['kubeadm:get-nodes', 'kubeadm:get-nodes', TOKENS],
  ['coxswain:node-proxier', 'system:node-proxier', NODES],
];

/** In a namespace: who may get one ConfigMap. */
const READERS: readonly (readonly [
  name: string,
  object: { readonly name: string; readonly namespace: string },
  subjects: readonly Subject[],
])[] = [
  [
    'kubeadm:bootstrap-signer-clusterinfo',
    CLUSTER_INFO,
    [{ kind: 'User', name: 'system:anonymous' }],
  ],
  // A node follows the authority of its cluster.
  ['coxswain:cluster-info', CLUSTER_INFO, [NODES]],
  ['kubeadm:kubelet-config', KUBELET_CONFIG, [NODES, TOKENS]],
  ['kubeadm:nodes-kubeadm-config', KUBEADM_CONFIG, [TOKENS, NODES]],
];

/** A role or binding, to be applied. */
export interface RbacObject {
  readonly apiVersion: string;
  readonly kind: 'Role' | 'RoleBinding' | 'ClusterRole' | 'ClusterRoleBinding';
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** All roles and bindings that joining needs. */
export function joinRoles(): RbacObject[] {
  return [
    {
      ...head('ClusterRole', { name: 'kubeadm:get-nodes' }),
      rules: [{ apiGroups: [''], resources: ['nodes'], verbs: ['get'] }],
    } as RbacObject,
    ...CLUSTER_BINDINGS.map(([name, role, subject]) =>
      bound('ClusterRoleBinding', { metadata: { name }, role, subjects: [subject] }),
    ),
    ...READERS.flatMap(([name, object, subjects]) => {
      const metadata = { name, namespace: object.namespace };
      const rule = {
        apiGroups: [''],
        resources: ['configmaps'],
        resourceNames: [object.name],
        verbs: ['get'],
      };
      return [
        { ...head('Role', metadata), rules: [rule] } as RbacObject,
        bound('RoleBinding', { metadata, role: name, subjects }),
      ];
    }),
  ];
}

function head(kind: RbacObject['kind'], metadata: RbacObject['metadata']): RbacObject {
  return { apiVersion: `${RBAC}/v1`, kind, metadata };
}

function bound(
  kind: 'RoleBinding' | 'ClusterRoleBinding',
  parts: {
    readonly metadata: RbacObject['metadata'];
    readonly role: string;
    readonly subjects: readonly Subject[];
  },
): RbacObject {
  const roleKind = kind === 'RoleBinding' ? 'Role' : 'ClusterRole';
  return {
    ...head(kind, parts.metadata),
    roleRef: { apiGroup: RBAC, kind: roleKind, name: parts.role },
    subjects: parts.subjects.map((subject) => ({ apiGroup: RBAC, ...subject })),
  } as RbacObject;
}
