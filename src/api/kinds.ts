/**
 * All kinds that are served: the only list. The order is that of discovery documents.
 *
 * Source: the default API of Kubernetes v1.36: all stable versions.
 */
import { MUTATING_ADMISSION_POLICY_BINDING } from './admissionregistration/mutating-admission-policy-binding.ts';
import { MUTATING_ADMISSION_POLICY } from './admissionregistration/mutating-admission-policy.ts';
import { MUTATING_WEBHOOK_CONFIGURATION } from './admissionregistration/mutating-webhook-configuration.ts';
import { VALIDATING_ADMISSION_POLICY_BINDING } from './admissionregistration/validating-admission-policy-binding.ts';
import { VALIDATING_ADMISSION_POLICY } from './admissionregistration/validating-admission-policy.ts';
import { VALIDATING_WEBHOOK_CONFIGURATION } from './admissionregistration/validating-webhook-configuration.ts';
import { CUSTOM_RESOURCE_DEFINITION } from './apiextensions/custom-resource-definition.ts';
import { API_SERVICE } from './apiregistration/api-service.ts';
import { CONTROLLER_REVISION } from './apps/controller-revision.ts';
import { DAEMON_SET } from './apps/daemon-set.ts';
import { DEPLOYMENT } from './apps/deployment.ts';
import { REPLICA_SET } from './apps/replica-set.ts';
import { STATEFUL_SET } from './apps/stateful-set.ts';
import { SELF_SUBJECT_REVIEW } from './authentication/self-subject-review.ts';
import { TOKEN_REVIEW } from './authentication/token-review.ts';
import { LOCAL_SUBJECT_ACCESS_REVIEW } from './authorization/local-subject-access-review.ts';
import { SELF_SUBJECT_ACCESS_REVIEW } from './authorization/self-subject-access-review.ts';
import { SELF_SUBJECT_RULES_REVIEW } from './authorization/self-subject-rules-review.ts';
import { SUBJECT_ACCESS_REVIEW } from './authorization/subject-access-review.ts';
import { HORIZONTAL_POD_AUTOSCALER_V1 } from './autoscaling/horizontal-pod-autoscaler-v1.ts';
import { HORIZONTAL_POD_AUTOSCALER } from './autoscaling/horizontal-pod-autoscaler.ts';
import { CRON_JOB } from './batch/cron-job.ts';
import { JOB } from './batch/job.ts';
import { CERTIFICATE_SIGNING_REQUEST } from './certificates/certificate-signing-request.ts';
import { LEASE } from './coordination/lease.ts';
import { BINDING } from './core/binding.ts';
import { COMPONENT_STATUS } from './core/component-status.ts';
import { CONFIG_MAP } from './core/config-map.ts';
import { ENDPOINTS } from './core/endpoints.ts';
import { EVENT } from './core/event.ts';
import { LIMIT_RANGE } from './core/limit-range.ts';
import { NAMESPACE } from './core/namespace.ts';
import { NODE } from './core/node.ts';
import { PERSISTENT_VOLUME_CLAIM } from './core/persistent-volume-claim.ts';
import { PERSISTENT_VOLUME } from './core/persistent-volume.ts';
import { POD_TEMPLATE } from './core/pod-template.ts';
import { POD } from './core/pod.ts';
import { REPLICATION_CONTROLLER } from './core/replication-controller.ts';
import { RESOURCE_QUOTA } from './core/resource-quota.ts';
import { SECRET } from './core/secret.ts';
import { SERVICE_ACCOUNT } from './core/service-account.ts';
import { SERVICE } from './core/service.ts';
import { ENDPOINT_SLICE } from './discovery/endpoint-slice.ts';
import { EVENTS_EVENT } from './events/event.ts';
import { FLOW_SCHEMA } from './flowcontrol/flow-schema.ts';
import { PRIORITY_LEVEL_CONFIGURATION } from './flowcontrol/priority-level-configuration.ts';
import { anyKind, type AnyKind } from './kind.ts';
import { INGRESS_CLASS } from './networking/ingress-class.ts';
import { INGRESS } from './networking/ingress.ts';
import { IP_ADDRESS } from './networking/ip-address.ts';
import { NETWORK_POLICY } from './networking/network-policy.ts';
import { SERVICE_CIDR } from './networking/service-cidr.ts';
import { RUNTIME_CLASS } from './node/runtime-class.ts';
import { POD_DISRUPTION_BUDGET } from './policy/pod-disruption-budget.ts';
import { CLUSTER_ROLE_BINDING } from './rbac/cluster-role-binding.ts';
import { CLUSTER_ROLE } from './rbac/cluster-role.ts';
import { ROLE_BINDING } from './rbac/role-binding.ts';
import { ROLE } from './rbac/role.ts';
import { DEVICE_CLASS } from './resource/device-class.ts';
import { RESOURCE_CLAIM_TEMPLATE } from './resource/resource-claim-template.ts';
import { RESOURCE_CLAIM } from './resource/resource-claim.ts';
import { RESOURCE_SLICE } from './resource/resource-slice.ts';
import { PRIORITY_CLASS } from './scheduling/priority-class.ts';
import { CSI_DRIVER } from './storage/csi-driver.ts';
import { CSI_NODE } from './storage/csi-node.ts';
import { CSI_STORAGE_CAPACITY } from './storage/csi-storage-capacity.ts';
import { STORAGE_CLASS } from './storage/storage-class.ts';
import { VOLUME_ATTACHMENT } from './storage/volume-attachment.ts';
import { VOLUME_ATTRIBUTES_CLASS } from './storage/volume-attributes-class.ts';

const CORE: readonly AnyKind[] = [
  anyKind(BINDING),
  anyKind(COMPONENT_STATUS),
  anyKind(CONFIG_MAP),
  anyKind(ENDPOINTS),
  anyKind(EVENT),
  anyKind(LIMIT_RANGE),
  anyKind(NAMESPACE),
  anyKind(NODE),
  anyKind(PERSISTENT_VOLUME_CLAIM),
  anyKind(PERSISTENT_VOLUME),
  anyKind(POD),
  anyKind(POD_TEMPLATE),
  anyKind(REPLICATION_CONTROLLER),
  anyKind(RESOURCE_QUOTA),
  anyKind(SECRET),
  anyKind(SERVICE_ACCOUNT),
  anyKind(SERVICE),
];

/** Groups of what runs: workloads, networks, storage. */
const WORKLOADS: readonly AnyKind[] = [
  anyKind(CONTROLLER_REVISION),
  anyKind(DAEMON_SET),
  anyKind(DEPLOYMENT),
  anyKind(REPLICA_SET),
  anyKind(STATEFUL_SET),
  anyKind(HORIZONTAL_POD_AUTOSCALER),
  anyKind(HORIZONTAL_POD_AUTOSCALER_V1),
  anyKind(CRON_JOB),
  anyKind(JOB),
  anyKind(ENDPOINT_SLICE),
  anyKind(EVENTS_EVENT),
  anyKind(INGRESS_CLASS),
  anyKind(INGRESS),
  anyKind(IP_ADDRESS),
  anyKind(NETWORK_POLICY),
  anyKind(SERVICE_CIDR),
  anyKind(POD_DISRUPTION_BUDGET),
  anyKind(CSI_DRIVER),
  anyKind(CSI_NODE),
  anyKind(CSI_STORAGE_CAPACITY),
  anyKind(STORAGE_CLASS),
  anyKind(VOLUME_ATTACHMENT),
  anyKind(VOLUME_ATTRIBUTES_CLASS),
  anyKind(DEVICE_CLASS),
  anyKind(RESOURCE_CLAIM),
  anyKind(RESOURCE_CLAIM_TEMPLATE),
  anyKind(RESOURCE_SLICE),
];

/** Groups of how the cluster is run. */
const CLUSTER: readonly AnyKind[] = [
  anyKind(MUTATING_ADMISSION_POLICY),
  anyKind(MUTATING_ADMISSION_POLICY_BINDING),
  anyKind(MUTATING_WEBHOOK_CONFIGURATION),
  anyKind(VALIDATING_ADMISSION_POLICY),
  anyKind(VALIDATING_ADMISSION_POLICY_BINDING),
  anyKind(VALIDATING_WEBHOOK_CONFIGURATION),
  anyKind(CUSTOM_RESOURCE_DEFINITION),
  anyKind(API_SERVICE),
  anyKind(SELF_SUBJECT_REVIEW),
  anyKind(TOKEN_REVIEW),
  anyKind(LOCAL_SUBJECT_ACCESS_REVIEW),
  anyKind(SELF_SUBJECT_ACCESS_REVIEW),
  anyKind(SELF_SUBJECT_RULES_REVIEW),
  anyKind(SUBJECT_ACCESS_REVIEW),
  anyKind(CERTIFICATE_SIGNING_REQUEST),
  anyKind(LEASE),
  anyKind(FLOW_SCHEMA),
  anyKind(PRIORITY_LEVEL_CONFIGURATION),
  anyKind(RUNTIME_CLASS),
  anyKind(CLUSTER_ROLE_BINDING),
  anyKind(CLUSTER_ROLE),
  anyKind(ROLE_BINDING),
  anyKind(ROLE),
  anyKind(PRIORITY_CLASS),
];

export const KINDS: readonly AnyKind[] = [...CORE, ...WORKLOADS, ...CLUSTER];

const keyOf = (group: string, version: string, name: string): string =>
  `${group}/${version}/${name}`;
const BY_RESOURCE = new Map(
  KINDS.map((kind) => [keyOf(kind.group, kind.version, kind.plural), kind]),
);
const BY_NAME = new Map(KINDS.map((kind) => [keyOf(kind.group, kind.version, kind.kind), kind]));

/** `kindByResource('apps', 'v1', 'deployments')` */
export function kindByResource(
  group: string,
  version: string,
  plural: string,
): AnyKind | undefined {
  return BY_RESOURCE.get(keyOf(group, version, plural));
}

/** `kindByName('apps', 'v1', 'Deployment')` */
export function kindByName(group: string, version: string, kind: string): AnyKind | undefined {
  return BY_NAME.get(keyOf(group, version, kind));
}
