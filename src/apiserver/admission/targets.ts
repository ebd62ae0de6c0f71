/** Resources that the server's own decisions are about, as readers and plug-ins name them. */
import type { Attributes } from './admission.ts';

export interface Target {
  readonly group: string;
  readonly plural: string;
}

const core = (plural: string): Target => ({ group: '', plural });
const storage = (plural: string): Target => ({ group: 'storage.k8s.io', plural });
const rbac = (plural: string): Target => ({ group: 'rbac.authorization.k8s.io', plural });
const certificates = (plural: string): Target => ({ group: 'certificates.k8s.io', plural });
const admission = (plural: string): Target => ({ group: 'admissionregistration.k8s.io', plural });

export const ENDPOINTS = core('endpoints');
export const LIMIT_RANGES = core('limitranges');
export const NAMESPACES = core('namespaces');
export const NODES = core('nodes');
export const PERSISTENT_VOLUMES = core('persistentvolumes');
export const PERSISTENT_VOLUME_CLAIMS = core('persistentvolumeclaims');
export const PODS = core('pods');
export const RESOURCE_QUOTAS = core('resourcequotas');
export const SERVICES = core('services');
export const SERVICE_ACCOUNTS = core('serviceaccounts');
export const API_SERVICES: Target = { group: 'apiregistration.k8s.io', plural: 'apiservices' };
export const ENDPOINT_SLICES: Target = { group: 'discovery.k8s.io', plural: 'endpointslices' };
export const LEASES: Target = { group: 'coordination.k8s.io', plural: 'leases' };
export const RUNTIME_CLASSES: Target = { group: 'node.k8s.io', plural: 'runtimeclasses' };
export const PRIORITY_CLASSES: Target = { group: 'scheduling.k8s.io', plural: 'priorityclasses' };
export const POD_GROUPS: Target = { group: 'scheduling.k8s.io', plural: 'podgroups' };
export const WORKLOADS: Target = { group: 'scheduling.k8s.io', plural: 'workloads' };
export const INGRESSES: Target = { group: 'networking.k8s.io', plural: 'ingresses' };
export const INGRESS_CLASSES: Target = { group: 'networking.k8s.io', plural: 'ingressclasses' };
export const IP_ADDRESSES: Target = { group: 'networking.k8s.io', plural: 'ipaddresses' };
export const SERVICE_CIDRS: Target = { group: 'networking.k8s.io', plural: 'servicecidrs' };
export const POD_DISRUPTION_BUDGETS: Target = { group: 'policy', plural: 'poddisruptionbudgets' };
export const RESOURCE_CLAIMS: Target = { group: 'resource.k8s.io', plural: 'resourceclaims' };
export const DEVICE_CLASSES: Target = { group: 'resource.k8s.io', plural: 'deviceclasses' };
export const RESOURCE_SLICES: Target = { group: 'resource.k8s.io', plural: 'resourceslices' };
export const FLOW_SCHEMAS: Target = {
  group: 'flowcontrol.apiserver.k8s.io',
  plural: 'flowschemas',
};
export const PRIORITY_LEVELS: Target = {
  group: 'flowcontrol.apiserver.k8s.io',
  plural: 'prioritylevelconfigurations',
};
export const CUSTOM_RESOURCE_DEFINITIONS: Target = {
  group: 'apiextensions.k8s.io',
  plural: 'customresourcedefinitions',
};
export const CSI_DRIVERS = storage('csidrivers');
export const CSI_NODES = storage('csinodes');
export const STORAGE_CLASSES = storage('storageclasses');
export const VOLUME_ATTACHMENTS = storage('volumeattachments');
export const VOLUME_ATTRIBUTES_CLASSES = storage('volumeattributesclasses');
export const CLUSTER_ROLES = rbac('clusterroles');
export const CLUSTER_ROLE_BINDINGS = rbac('clusterrolebindings');
export const ROLES = rbac('roles');
export const ROLE_BINDINGS = rbac('rolebindings');
export const MUTATING_POLICIES = admission('mutatingadmissionpolicies');
export const MUTATING_POLICY_BINDINGS = admission('mutatingadmissionpolicybindings');
export const VALIDATING_POLICIES = admission('validatingadmissionpolicies');
export const VALIDATING_POLICY_BINDINGS = admission('validatingadmissionpolicybindings');
export const MUTATING_WEBHOOK_CONFIGURATIONS = admission('mutatingwebhookconfigurations');
export const VALIDATING_WEBHOOK_CONFIGURATIONS = admission('validatingwebhookconfigurations');
export const SIGNING_REQUESTS = certificates('certificatesigningrequests');
export const TRUST_BUNDLES = certificates('clustertrustbundles');
export const POD_CERTIFICATE_REQUESTS = certificates('podcertificaterequests');

export function isFor({ kind }: Pick<Attributes, 'kind'>, { group, plural }: Target): boolean {
  return kind.plural === plural && kind.group === group;
}
