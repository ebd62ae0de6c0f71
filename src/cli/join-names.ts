/**
 * Names by which a machine that joins finds what it has to know of a cluster, and the group that
 * lets it. All of them are kubeadm's, so that its users find them too.
 *
 * Source: upstream cmd/kubeadm/app/constants and app/phases, v1.36.
 */

export const KUBEADM_CONFIG = { name: 'kubeadm-config', namespace: 'kube-system' };
export const KUBELET_CONFIG = { name: 'kubelet-config', namespace: 'kube-system' };
/** The keys of the two above. */
export const CLUSTER_CONFIGURATION_KEY = 'ClusterConfiguration';
export const KUBELET_CONFIGURATION_KEY = 'kubelet';

/** Who shows a token of this group may ask for the certificate of a node, and gets it. */
export const NODE_TOKEN_GROUP = 'system:bootstrappers:kubeadm:default-node-token';

/** On `kubeadm-config`: how packets get to the pods of other nodes, which kubeadm has no word for. */
export const POD_NETWORK_ANNOTATION = 'coxswain.dev/pod-network';

/** On `kubeadm-config`: the pools of addresses of load balancers, as `--load-balancer-pool` has them, between spaces. */
export const LOAD_BALANCER_POOLS_ANNOTATION = 'coxswain.dev/load-balancer-pools';

/** On `kubeadm-config`: where names are answered, as `--dns` has it. */
export const DNS_ANNOTATION = 'coxswain.dev/dns';

/**
 * On a Node: the authorities that its process believes, as pins of their keys between commas, the
 * signing one first; written once its own certificate as a client is of that one. `cox certs rotate`
 * goes by it.
 */
export const AUTHORITIES_ANNOTATION = 'coxswain.dev/authorities';
