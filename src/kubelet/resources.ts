/**
 * The kinds that the kubelet reads and writes, as the client needs to know them.
 *
 * Only names and scope: the kubelet never defaults or validates, the API server did.
 */
import type { TokenRequest } from '#api/gen/authentication-v1.ts';
import type { Lease as LeaseObject } from '#api/gen/coordination-v1.ts';
import type {
  ConfigMap as ConfigMapObject,
  Node as NodeObject,
  Pod as PodObject,
  Secret as SecretObject,
  ServiceAccount as ServiceAccountObject,
  Service as ServiceObject,
} from '#api/gen/core-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import type { ResourceType } from '#client/client.ts';

function core<T extends KubeObject>(
  kind: string,
  plural: string,
  namespaced = true,
): ResourceType<T> {
  return { group: '', version: 'v1', kind, plural, namespaced };
}

export const POD = core<PodObject>('Pod', 'pods');
export const NODE = core<NodeObject>('Node', 'nodes', false);
export const CONFIG_MAP = core<ConfigMapObject>('ConfigMap', 'configmaps');
export const SECRET = core<SecretObject>('Secret', 'secrets');
export const SERVICE = core<ServiceObject>('Service', 'services');
export const SERVICE_ACCOUNT = core<ServiceAccountObject>('ServiceAccount', 'serviceaccounts');
export const LEASE: ResourceType<LeaseObject> = {
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
};

export type {
  ConfigMapObject as ConfigMap,
  LeaseObject as Lease,
  NodeObject as Node,
  PodObject as Pod,
  SecretObject as Secret,
  ServiceObject as Service,
  TokenRequest,
};
