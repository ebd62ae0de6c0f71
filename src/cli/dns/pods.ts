/**
 * The cluster DNS as pods of kube-system, in place of that of each node: kubeadm's objects, under
 * its names, with our server and no Corefile. Pure.
 *
 * Source: upstream cmd/kubeadm/app/phases/addons/dns/manifests.go, v1.36.
 */
import type { Deployment } from '#api/gen/apps-v1.ts';
import { CONFIG_NAME } from '#dns/config-watch.ts';
import { HEALTH_PORT, METRICS_PORT, READY_PORT } from '#dns/pages.ts';
import type { ClusterConfig } from '../cluster-config.ts';
import { familiesIn } from '../cluster-ranges.ts';
import { PROGRAM_ANNOTATION } from '../self-hosted/manifests.ts';

export const DNS_NAMESPACE = 'kube-system';
export const DNS_DEPLOYMENT = 'coredns';
/** What the Service selects. */
export const DNS_SELECTOR = { 'k8s-app': 'kube-dns' };
export const DNS_ACCOUNT = { name: 'coredns', namespace: DNS_NAMESPACE };

const REPLICAS = 2;
/** CoreDNS's `lameduck`: whoever was sent here still gets an answer. */
const LAME_DUCK_SECONDS = 5;
const ROLE = 'system:coredns';
const RBAC = 'rbac.authorization.k8s.io';

/** An object to be applied. */
export interface DnsObject {
  readonly apiVersion: string;
  readonly kind:
    | 'Deployment'
    | 'ServiceAccount'
    | 'ClusterRole'
    | 'ClusterRoleBinding'
    | 'ConfigMap';
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

export interface DnsPodFacts {
  readonly config: Pick<
    ClusterConfig,
    'dnsAddress' | 'clusterDomain' | 'podCidr' | 'serviceClusterIpRange'
  >;
  /** Of the image of this program. `key`: another one when the program is another. */
  readonly image: { readonly reference: string; readonly key: string };
}

/** All but the Service, which is there wherever the DNS is. */
export function dnsPodObjects(facts: DnsPodFacts): DnsObject[] {
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: DNS_ACCOUNT },
    role(),
    roleBinding(),
    // Without data: what somebody wrote into it stays.
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: CONFIG_NAME, namespace: DNS_NAMESPACE },
    },
    deployment(facts) as DnsObject,
  ];
}

/** Its settings are read by a Role of their own. */
function role(): DnsObject {
  const verbs = ['list', 'watch'];
  const rules = [
    { apiGroups: [''], resources: ['endpoints', 'services', 'pods', 'namespaces'], verbs },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs },
  ];
  return { ...head('ClusterRole'), rules } as DnsObject;
}

function roleBinding(): DnsObject {
  return {
    ...head('ClusterRoleBinding'),
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: ROLE },
    subjects: [{ kind: 'ServiceAccount', ...DNS_ACCOUNT }],
  } as DnsObject;
}

function head(kind: 'ClusterRole' | 'ClusterRoleBinding'): DnsObject {
  return { apiVersion: `${RBAC}/v1`, kind, metadata: { name: ROLE } };
}

function deployment({ config, image }: DnsPodFacts): Deployment {
  const labels = DNS_SELECTOR;
  const { dnsAddress, clusterDomain, podCidr, serviceClusterIpRange } = config;
  const terms = [{ key: 'k8s-app', operator: 'In' as const, values: ['kube-dns'] }];
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: DNS_DEPLOYMENT, namespace: DNS_NAMESPACE, labels },
    spec: {
      replicas: REPLICAS,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
      selector: { matchLabels: labels },
      template: {
        metadata: { labels, annotations: { [PROGRAM_ANNOTATION]: image.key } },
        spec: {
          priorityClassName: 'system-cluster-critical',
          serviceAccountName: DNS_ACCOUNT.name,
          affinity: {
            podAntiAffinity: {
              preferredDuringSchedulingIgnoredDuringExecution: [
                {
                  weight: 100,
                  podAffinityTerm: {
                    labelSelector: { matchExpressions: terms },
                    topologyKey: 'kubernetes.io/hostname',
                  },
                },
              ],
            },
          },
          tolerations: [
            { key: 'CriticalAddonsOnly', operator: 'Exists' },
            { key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' },
          ],
          nodeSelector: { 'kubernetes.io/os': 'linux' },
          containers: [
            {
              name: 'coredns',
              image: image.reference,
              imagePullPolicy: 'IfNotPresent',
              args: [
                'dns',
                `--cluster-dns=${dnsAddress}`,
                `--cluster-domain=${clusterDomain}`,
                `--own-ranges=${podCidr},${serviceClusterIpRange}`,
                ...bindFlags(podCidr),
              ],
              // More memory than CoreDNS has: Node alone takes 60 MiB.
              resources: {
                limits: { memory: '256Mi' },
                requests: { cpu: '100m', memory: '100Mi' },
              },
              ports: [
                { name: 'dns', containerPort: 53, protocol: 'UDP' },
                { name: 'dns-tcp', containerPort: 53, protocol: 'TCP' },
                { name: 'metrics', containerPort: METRICS_PORT, protocol: 'TCP' },
                { name: 'liveness-probe', containerPort: HEALTH_PORT, protocol: 'TCP' },
                { name: 'readiness-probe', containerPort: READY_PORT, protocol: 'TCP' },
              ],
              livenessProbe: {
                httpGet: { path: '/health', port: 'liveness-probe', scheme: 'HTTP' },
                initialDelaySeconds: 60,
                timeoutSeconds: 5,
                successThreshold: 1,
                failureThreshold: 5,
              },
              readinessProbe: {
                httpGet: { path: '/ready', port: 'readiness-probe', scheme: 'HTTP' },
              },
              lifecycle: { preStop: { sleep: { seconds: LAME_DUCK_SECONDS } } },
              securityContext: {
                allowPrivilegeEscalation: false,
                capabilities: { add: ['NET_BIND_SERVICE'], drop: ['ALL'] },
                readOnlyRootFilesystem: true,
              },
            },
          ],
          // That of the node: whom it asks for all other names.
          dnsPolicy: 'Default',
        },
      },
    },
  };
}

/** Questions and probes come at addresses of the pod's first family; `::` stands for both. */
function bindFlags(podCidr: string): string[] {
  return familiesIn(podCidr).includes(6) ? ['--bind-address=::'] : [];
}
