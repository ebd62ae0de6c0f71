/**
 * The cluster DNS as objects: the Service `kube-dns` and its slice.
 *
 * DNS is answered on each node at the Service's own address, so the slice names that address: what
 * looks it up reaches the DNS of the node that it runs on.
 */
import type { Environment } from '#base/env.ts';
import type { Handler } from '#base/http/message.ts';
import { SERVICE } from '#api/core/service.ts';
import { ENDPOINT_SLICE } from '#api/discovery/endpoint-slice.ts';
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

/** Makes or mends the two objects. */
export async function publishDns(options: {
  handler: Handler;
  environment: Environment;
  address: string;
}): Promise<void> {
  const { handler, environment, address } = options;
  const client = clientAs(
    handler,
    { name: 'system:apiserver', groups: ['system:masters'] },
    { environment, userAgent: 'cox' },
  );
  const apply = { fieldManager: 'cox', force: true };
  await client.patch(
    SERVICE,
    { name: NAME, namespace: NAMESPACE },
    'apply',
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: NAME, namespace: NAMESPACE, labels: LABELS },
      spec: {
        clusterIP: address,
        clusterIPs: [address],
        type: 'ClusterIP',
        ports: PORTS.map((port) => ({ ...port, targetPort: port.port })),
      },
    },
    apply,
  );
  await client.patch(
    ENDPOINT_SLICE,
    { name: NAME, namespace: NAMESPACE },
    'apply',
    {
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
    },
    apply,
  );
}
