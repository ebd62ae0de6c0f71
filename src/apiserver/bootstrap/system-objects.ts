/**
 * Objects that a cluster has from its first moment, beside RBAC.
 *
 * Source: upstream pkg/controlplane (instance.go, controller/{systemnamespaces,kubernetesservice,
 * clusterauthenticationtrust}), pkg/apis/scheduling/v1/helpers.go.
 */
import { formatIp, nthAddress, parseCidr } from '#base/ip.ts';
import type { ConfigMap, Namespace, Service } from '#api/gen/core-v1.ts';
import type { PriorityClass } from '#api/gen/scheduling-v1.ts';
import { REQUEST_HEADERS, type RequestHeaderOptions } from '../aggregator/identity.ts';
import { equalValues } from '#api/meta/equal.ts';
import type { Wanted } from './ensure.ts';
import type { VersionedTarget } from './local-client.ts';

export interface SystemOptions {
  /** A CIDR, or one of each family joined by a comma. */
  readonly serviceClusterIpRange: string;
  readonly advertise: { readonly address: string; readonly port: number };
  /** False leaves the endpoints of `kubernetes` to somebody else (`--endpoint-reconciler-type`). */
  readonly publishesAddress?: boolean;
  /** PEM; empty for none. */
  readonly clientCa: string;
  readonly frontProxy?: {
    readonly authority: string;
    readonly requestHeaders?: Partial<RequestHeaderOptions>;
  };
}

const core = (plural: string): VersionedTarget => ({ group: '', version: 'v1', plural });
const PRIORITY_CLASSES: VersionedTarget = {
  group: 'scheduling.k8s.io',
  version: 'v1',
  plural: 'priorityclasses',
};

export const PORT_NAME = 'https';
const SERVICE_PORT = 443;
/** The Service of this server, its endpoints and its slice. */
export const OWN = { namespace: 'default', name: 'kubernetes' };

export function systemNamespaces(): Wanted<Namespace>[] {
  return ['default', 'kube-system', 'kube-public', 'kube-node-lease'].map((name) => ({
    target: core('namespaces'),
    object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
  }));
}

export function systemPriorityClasses(): Wanted<PriorityClass>[] {
  const wanted = (name: string, value: number, description: string): Wanted<PriorityClass> => ({
    target: PRIORITY_CLASSES,
    object: {
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata: { name },
      value,
      description,
    },
  });
  return [
    wanted(
      'system-node-critical',
      2_000_001_000,
      'Used for system critical pods that must not be moved from their current node.',
    ),
    wanted(
      'system-cluster-critical',
      2_000_000_000,
      'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
    ),
  ];
}

/** The Service `kubernetes` at the first address of the range. */
export function ownService({ serviceClusterIpRange, advertise }: SystemOptions): Wanted<Service> {
  const range = parseCidr(serviceClusterIpRange.split(',')[0] ?? '');
  const first = range === undefined ? undefined : nthAddress(range, 1);
  if (first === undefined)
    throw new Error(
      `Cannot use Service range ${JSON.stringify(serviceClusterIpRange)}: must be a CIDR`,
    );
  const ports = [
    { name: PORT_NAME, protocol: 'TCP' as const, port: SERVICE_PORT, targetPort: advertise.port },
  ];
  return {
    target: core('services'),
    object: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { ...OWN, labels: { component: 'apiserver', provider: 'kubernetes' } },
      spec: {
        type: 'ClusterIP',
        clusterIP: formatIp(first),
        ipFamilyPolicy: 'SingleStack',
        sessionAffinity: 'None',
        ports,
      },
    },
    // The port of this server may be another one than at the last start.
    reconcile: (existing) =>
      equalValues(existing.spec?.ports, ports)
        ? undefined
        : { ...existing, spec: { ...existing.spec, ports } },
  };
}

const DATE = /^\d{4}-\d{2}-\d{2}$/;

/** Since when it is known which Secrets' tokens are used (upstream controller/legacytokentracking). */
export function tokenTrackingConfigMap(nowText: string): Wanted<ConfigMap> {
  const since = nowText.slice(0, 'YYYY-MM-DD'.length);
  const metadata = {
    namespace: 'kube-system',
    name: 'kube-apiserver-legacy-service-account-token-tracking',
  };
  return {
    target: core('configmaps'),
    object: { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { since } },
    reconcile: (existing) =>
      DATE.test(existing.data?.['since'] ?? '')
        ? undefined
        : { ...existing, data: { ...existing.data, since } },
  };
}

/** What extension API servers check by who they are asked by: clients, and this server as their proxy. */
export function authenticationConfigMap(options: SystemOptions): Wanted<ConfigMap> {
  const data = authenticationData(options);
  return {
    target: core('configmaps'),
    object: {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: 'kube-system', name: 'extension-apiserver-authentication' },
      data,
    },
    reconcile: (existing) => {
      const merged = { ...existing.data };
      for (const [key, value] of Object.entries(data))
        merged[key] = key.endsWith('-file')
          ? bothBundles(merged[key] ?? '', value)
          : bothLists(merged[key], value);
      return equalValues(existing.data, merged) ? undefined : { ...existing, data: merged };
    },
  };
}

function authenticationData({ clientCa, frontProxy }: SystemOptions): Record<string, string> {
  const client: Record<string, string> = clientCa === '' ? {} : { 'client-ca-file': clientCa };
  if (frontProxy === undefined) return client;
  const headers = { ...REQUEST_HEADERS, ...frontProxy.requestHeaders };
  return {
    ...client,
    'requestheader-allowed-names': JSON.stringify(headers.allowedNames),
    'requestheader-client-ca-file': frontProxy.authority,
    'requestheader-extra-headers-prefix': JSON.stringify(headers.extraHeaderPrefixes),
    'requestheader-group-headers': JSON.stringify(headers.groupHeaders),
    'requestheader-uid-headers': JSON.stringify(headers.uidHeaders),
    'requestheader-username-headers': JSON.stringify(headers.usernameHeaders),
  };
}

/** Another server's CA stays: its clients are as good as ours. */
function bothBundles(present: string, ours: string): string {
  if (present.includes(ours.trim())) return present;
  return `${present.trimEnd()}\n${ours}`.trimStart();
}

function bothLists(present: string | undefined, ours: string): string {
  const before = stringsOf(present);
  const missing = stringsOf(ours).filter((name) => !before.includes(name));
  return missing.length === 0 && present !== undefined
    ? present
    : JSON.stringify([...before, ...missing]);
}

function stringsOf(json: string | undefined): string[] {
  try {
    const list: unknown = JSON.parse(json ?? '[]');
    return Array.isArray(list) ? list.filter((item) => typeof item === 'string') : [];
  } catch {
    return [];
  }
}
