/**
 * The kinds that the kubelet reads and writes, as the client needs to know them.
 *
 * Only names and scope: the kubelet never defaults or validates, the API server did.
 */
import type { ClusterTrustBundle, PodCertificateRequest } from '#api/gen/certificates-v1beta1.ts';
import type { Lease } from '#api/gen/coordination-v1.ts';
import type { ConfigMap, Node, Pod, Secret, ServiceAccount, Service } from '#api/gen/core-v1.ts';
import type { ResourceClaim, ResourceSlice } from '#api/gen/resource-v1.ts';
import type { RuntimeClass } from '#api/gen/node-v1.ts';
import type { KubeObject } from '#api/meta/object.ts';
import type { ResourceType } from '#client/client.ts';

function core<T extends KubeObject>(
  kind: string,
  plural: string,
  namespaced = true,
): ResourceType<T> {
  return { group: '', version: 'v1', kind, plural, namespaced };
}

export const POD = core<Pod>('Pod', 'pods');
export const NODE = core<Node>('Node', 'nodes', false);
export const CONFIG_MAP = core<ConfigMap>('ConfigMap', 'configmaps');
export const SECRET = core<Secret>('Secret', 'secrets');
export const SERVICE = core<Service>('Service', 'services');
export const SERVICE_ACCOUNT = core<ServiceAccount>('ServiceAccount', 'serviceaccounts');
export const RUNTIME_CLASS: ResourceType<RuntimeClass> = {
  group: 'node.k8s.io',
  version: 'v1',
  kind: 'RuntimeClass',
  plural: 'runtimeclasses',
  namespaced: false,
};
export const LEASE: ResourceType<Lease> = {
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
};
export const CLUSTER_TRUST_BUNDLE: ResourceType<ClusterTrustBundle> = {
  group: 'certificates.k8s.io',
  version: 'v1beta1',
  kind: 'ClusterTrustBundle',
  plural: 'clustertrustbundles',
  namespaced: false,
};
export const POD_CERTIFICATE_REQUEST: ResourceType<PodCertificateRequest> = {
  group: 'certificates.k8s.io',
  version: 'v1beta1',
  kind: 'PodCertificateRequest',
  plural: 'podcertificaterequests',
  namespaced: true,
};
export const RESOURCE_CLAIM: ResourceType<ResourceClaim> = {
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'ResourceClaim',
  plural: 'resourceclaims',
  namespaced: true,
};
export const RESOURCE_SLICE: ResourceType<ResourceSlice> = {
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'ResourceSlice',
  plural: 'resourceslices',
  namespaced: false,
};
