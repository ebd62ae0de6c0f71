/**
 * Objects that this composition needs beyond upstream's bootstrap: the cluster DNS as a Service
 * with its slice, and the right of the API server to talk to kubelets.
 *
 * DNS is answered on each node at the Service's own address, so the slice names that address: what
 * looks it up reaches the DNS of the node that it runs on.
 */
import type { Environment } from '#base/env.ts';
import type { Handler } from '#base/http/message.ts';
import { SERVICE } from '#api/core/service.ts';
import { ENDPOINT_SLICE } from '#api/discovery/endpoint-slice.ts';
import { CLUSTER_ROLE_BINDING } from '#api/rbac/cluster-role-binding.ts';
import { clientAs } from './component-clients.ts';

const NAME = 'kube-dns';
const NAMESPACE = 'kube-system';
const LABELS = {
  'k8s-app': 'kube-dns',
  'kubernetes.io/cluster-service': 'true',
  'kubernetes.io/name': 'CoreDNS',
};
const PORTS = [
  { name: 'dns', protocol: 'UDP', port: 53 },
  { name: 'dns-tcp', protocol: 'TCP', port: 53 },
] as const;

/** Makes or mends them. */
export async function publishClusterObjects(options: {
  handler: Handler;
  environment: Environment;
  dnsAddress: string;
  /** Common name of the API server's certificate towards kubelets. */
  kubeletClientName: string;
}): Promise<void> {
  const { handler, environment, dnsAddress, kubeletClientName } = options;
  const client = clientAs(
    handler,
    { name: 'system:apiserver', groups: ['system:masters'] },
    { environment, userAgent: 'cox' },
  );
  const apply = { fieldManager: 'cox', force: true };
  const inSystem = { name: NAME, namespace: NAMESPACE };
  await Promise.all([
    client.patch(SERVICE, inSystem, 'apply', dnsService(dnsAddress), apply),
    client.patch(ENDPOINT_SLICE, inSystem, 'apply', dnsSlice(dnsAddress), apply),
    client.patch(
      CLUSTER_ROLE_BINDING,
      { name: KUBELET_BINDING },
      'apply',
      kubeletBinding(kubeletClientName),
      apply,
    ),
  ]);
}

const KUBELET_BINDING = 'coxswain:kubelet-api-admin';

function kubeletBinding(user: string): object {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: KUBELET_BINDING },
    roleRef: {
      apiGroup: 'rbac.authorization.k8s.io',
      kind: 'ClusterRole',
      name: 'system:kubelet-api-admin',
    },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
  };
}

function dnsService(address: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: NAME, namespace: NAMESPACE, labels: LABELS },
    spec: {
      clusterIP: address,
      clusterIPs: [address],
      type: 'ClusterIP',
      ports: PORTS.map((port) => ({ ...port, targetPort: port.port })),
    },
  };
}

function dnsSlice(address: string): object {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: NAME,
      namespace: NAMESPACE,
      labels: {
        'kubernetes.io/service-name': NAME,
        'endpointslice.kubernetes.io/managed-by': 'cox',
      },
    },
    addressType: 'IPv4',
    endpoints: [
      { addresses: [address], conditions: { ready: true, serving: true, terminating: false } },
    ],
    ports: PORTS,
  };
}
