/**
 * Objects that this composition needs beyond upstream's bootstrap: the cluster DNS as a Service
 * with its slice, the right of the API server to talk to kubelets, and what machines join by.
 *
 * DNS is answered on each node at the Service's own address, so the slice names that address: what
 * looks it up reaches the DNS of the node that it runs on. Or it is answered by pods, as kubeadm has
 * it: then these are here too, and their slices are the controller's.
 */
import { DEPLOYMENT } from '#api/apps/deployment.ts';
import { SERVICE_ACCOUNT } from '#api/core/service-account.ts';
import { CONFIG_MAP } from '#api/core/config-map.ts';
import { ENDPOINTS } from '#api/core/endpoints.ts';
import { SERVICE } from '#api/core/service.ts';
import { ENDPOINT_SLICE } from '#api/discovery/endpoint-slice.ts';
import { CONFIG_NAME } from '#dns/config-watch.ts';
import { METRICS_PORT } from '#dns/pages.ts';
import { ROLE } from '#api/rbac/role.ts';
import { ROLE_BINDING } from '#api/rbac/role-binding.ts';
import { CLUSTER_ROLE } from '#api/rbac/cluster-role.ts';
import { CLUSTER_ROLE_BINDING } from '#api/rbac/cluster-role-binding.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { isNotFound } from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';
import type { ClusterConfig } from './cluster-config.ts';
import { familyOf } from './cluster-ranges.ts';
import {
  DNS_ACCOUNT,
  DNS_DEPLOYMENT,
  DNS_NAMESPACE,
  DNS_SELECTOR,
  type DnsPodFacts,
  dnsPodObjects,
} from './dns/pods.ts';
import { programImage } from './images/import.ts';
import { type JoinFacts, joinConfigMaps } from './join-config-maps.ts';
import { KUBELET_CONFIG, KUBELET_CONFIGURATION_KEY } from './join-names.ts';
import { joinRoles, NODES_GROUP } from './join-roles.ts';
import { PROGRAM_ANNOTATION } from './self-hosted/manifests.ts';

const NAME = 'kube-dns';
const NAMESPACE = 'kube-system';
const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';
const LABELS = {
  'k8s-app': 'kube-dns',
  'kubernetes.io/cluster-service': 'true',
  'kubernetes.io/name': 'CoreDNS',
};
const PORTS = [
  { name: 'dns', protocol: 'UDP', port: 53 },
  { name: 'dns-tcp', protocol: 'TCP', port: 53 },
  { name: 'metrics', protocol: 'TCP', port: METRICS_PORT },
] as const;
/** Where collectors of metrics look, as kubeadm tells them. */
const ANNOTATIONS = {
  'prometheus.io/port': String(METRICS_PORT),
  'prometheus.io/scrape': 'true',
};

export interface PublishOptions {
  /** Of somebody who may do everything. */
  readonly client: Client;
  readonly dnsAddress: string;
  /** Common name of the API server's certificate towards kubelets. */
  readonly kubeletClientName: string;
  /** What machines that join are told. */
  readonly join: Omit<JoinFacts, 'kubeletConfiguration'>;
  /** Of this program, where the DNS runs in pods; undefined: each node has its own. */
  readonly dnsImage?: DnsPodFacts['image'];
}

/** Of pods that answer names, where real ones do. Throws UserError where it cannot be built. */
export function dnsImage({
  dns,
  simulatedNodes,
}: Pick<ClusterConfig, 'dns' | 'simulatedNodes'>): Pick<PublishOptions, 'dnsImage'> {
  return dns === 'pods' && simulatedNodes === 0 ? { dnsImage: programImage() } : {};
}

/** Makes or mends them. */
export async function publishClusterObjects(options: PublishOptions): Promise<void> {
  const { client, dnsAddress, kubeletClientName, join, dnsImage: image } = options;
  const apply = { fieldManager: 'cox', force: true };
  const inSystem = { name: NAME, namespace: NAMESPACE };
  const dnsSettings = { name: DNS_SETTINGS, namespace: NAMESPACE };
  const kubeletConfiguration = await publishedKubeletConfiguration(client);
  await Promise.all([
    client.patch(
      SERVICE,
      inSystem,
      'apply',
      dnsService(dnsAddress, image === undefined ? {} : { selector: DNS_SELECTOR }),
      apply,
    ),
    image === undefined
      ? client.patch(ENDPOINT_SLICE, inSystem, 'apply', dnsSlice(dnsAddress), apply)
      : gone(client.delete(ENDPOINT_SLICE, inSystem)),
    ...ROLES.map((role) =>
      client.patch(CLUSTER_ROLE, { name: role.name }, 'apply', clusterRole(role), apply),
    ),
    client.patch(ROLE, dnsSettings, 'apply', dnsRole(), apply),
    client.patch(ROLE_BINDING, dnsSettings, 'apply', dnsRoleBinding(), apply),
    ...bindings(kubeletClientName).map((binding) =>
      client.patch(
        CLUSTER_ROLE_BINDING,
        { name: binding.name },
        'apply',
        clusterRoleBinding(binding),
        apply,
      ),
    ),
    ...[
      ...joinConfigMaps({ ...join, kubeletConfiguration }),
      ...joinRoles(),
      ...(image === undefined ? [] : dnsPodObjects({ config: join.config, image })),
    ].map((object) =>
      client.patch<KubeObject>(TYPES[object.kind], object.metadata, 'apply', object, apply),
    ),
  ]);
  if (image === undefined) await removeDnsPods(client);
}

/** Undefined: not yet. */
async function publishedKubeletConfiguration(client: Client): Promise<string | undefined> {
  const { name, namespace } = KUBELET_CONFIG;
  const map = await client.get(CONFIG_MAP, name, namespace).catch((error: unknown) => {
    if (!isNotFound(error)) throw error;
  });
  return map?.data?.[KUBELET_CONFIGURATION_KEY];
}

/** What is gone already is as good. */
async function gone(deletion: Promise<unknown>): Promise<void> {
  await deletion.catch((error: unknown) => {
    if (!isNotFound(error)) throw error;
  });
}

/**
 * What is left of a DNS that ran in pods, ours alone; and who else says where its Service leads:
 * without a selector that would stay as it is, and be copied. After the selector is gone.
 */
async function removeDnsPods(client: Client): Promise<void> {
  const target = { name: DNS_DEPLOYMENT, namespace: DNS_NAMESPACE };
  const deployment = await client
    .get(DEPLOYMENT, target.name, target.namespace)
    .catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  if (deployment?.spec?.template.metadata?.annotations?.[PROGRAM_ANNOTATION] !== undefined)
    await gone(client.delete(DEPLOYMENT, target, { propagationPolicy: 'Background' }));
  await gone(client.delete(ENDPOINTS, { name: NAME, namespace: NAMESPACE }));
  await client.deleteCollection(ENDPOINT_SLICE, {
    namespace: NAMESPACE,
    labelSelector: `kubernetes.io/service-name=${NAME},${MANAGED_BY}!=cox`,
  });
}

const TYPES = {
  Deployment: DEPLOYMENT,
  ServiceAccount: SERVICE_ACCOUNT,
  ConfigMap: CONFIG_MAP,
  Role: ROLE,
  RoleBinding: ROLE_BINDING,
  ClusterRole: CLUSTER_ROLE,
  ClusterRoleBinding: CLUSTER_ROLE_BINDING,
};

const RBAC = 'rbac.authorization.k8s.io';
const READ = ['get', 'list', 'watch'];
const DNS_SETTINGS = 'coxswain:dns-settings';
const DNS_USER = 'system:kube-dns';

interface ReaderRole {
  readonly name: string;
  readonly rules: readonly { readonly apiGroups: string[]; readonly resources: string[] }[];
}

/** What parts of the node process read beyond upstream's roles. */
const ROLES: readonly ReaderRole[] = [
  {
    name: 'coxswain:dns',
    rules: [
      { apiGroups: [''], resources: ['services', 'namespaces'] },
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'] },
    ],
  },
  // Host ports are the proxy's, so it reads the pods of its node.
  { name: 'coxswain:host-ports', rules: [{ apiGroups: [''], resources: ['pods'] }] },
  // Policies are enforced on each node, by the identity that writes the other rules of its network.
  {
    name: 'coxswain:network-policy',
    rules: [
      { apiGroups: ['networking.k8s.io'], resources: ['networkpolicies'] },
      { apiGroups: [''], resources: ['pods', 'namespaces'] },
    ],
  },
];

interface Binding {
  readonly name: string;
  readonly role: string;
  readonly user: string;
  /** A joined node does this part of its process's work by its own certificate. */
  readonly isForNodes?: boolean;
}

function bindings(kubeletClientName: string): readonly Binding[] {
  return [
    { name: 'coxswain:dns', role: 'coxswain:dns', user: DNS_USER, isForNodes: true },
    {
      name: 'coxswain:host-ports',
      role: 'coxswain:host-ports',
      user: 'system:kube-proxy',
      isForNodes: true,
    },
    {
      name: 'coxswain:network-policy',
      role: 'coxswain:network-policy',
      user: 'system:kube-proxy',
      isForNodes: true,
    },
    {
      name: 'coxswain:kubelet-api-admin',
      role: 'system:kubelet-api-admin',
      user: kubeletClientName,
    },
  ];
}

function clusterRole({ name, rules }: ReaderRole): object {
  return {
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRole',
    metadata: { name },
    rules: rules.map((rule) => ({ ...rule, verbs: READ })),
  };
}

function clusterRoleBinding({ name, role, user, isForNodes = false }: Binding): object {
  return {
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name },
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: role },
    subjects: subjectsOf(user, isForNodes),
  };
}

function subjectsOf(user: string, isForNodes: boolean): object[] {
  const nodes = { apiGroup: RBAC, kind: 'Group', name: NODES_GROUP };
  return [{ apiGroup: RBAC, kind: 'User', name: user }, ...(isForNodes ? [nodes] : [])];
}

/** The settings of the DNS, and telling what is wrong with them. */
function dnsRole(): object {
  return {
    apiVersion: `${RBAC}/v1`,
    kind: 'Role',
    metadata: { name: DNS_SETTINGS, namespace: NAMESPACE },
    rules: [
      { apiGroups: [''], resources: ['configmaps'], resourceNames: [CONFIG_NAME], verbs: READ },
      {
        apiGroups: ['', 'events.k8s.io'],
        resources: ['events'],
        verbs: ['create', 'patch', 'update'],
      },
    ],
  };
}

function dnsRoleBinding(): object {
  return {
    apiVersion: `${RBAC}/v1`,
    kind: 'RoleBinding',
    metadata: { name: DNS_SETTINGS, namespace: NAMESPACE },
    roleRef: { apiGroup: RBAC, kind: 'Role', name: DNS_SETTINGS },
    subjects: [...subjectsOf(DNS_USER, true), { kind: 'ServiceAccount', ...DNS_ACCOUNT }],
  };
}

/** `selection`: of its pods, where it has some. */
function dnsService(address: string, selection: object): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: NAME, namespace: NAMESPACE, labels: LABELS, annotations: ANNOTATIONS },
    spec: {
      clusterIP: address,
      clusterIPs: [address],
      type: 'ClusterIP',
      ...selection,
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
        [MANAGED_BY]: 'cox',
      },
    },
    addressType: `IPv${familyOf(address)}`,
    endpoints: [
      { addresses: [address], conditions: { ready: true, serving: true, terminating: false } },
    ],
    ports: PORTS,
  };
}
