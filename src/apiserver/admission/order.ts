/**
 * The admission plug-ins in order. Read top down: this is what a write passes.
 *
 * The order is upstream's (pkg/kubeapiserver/options/plugins.go), and `options.ts` says which are off
 * unless they are asked for. `docs/scope.md` says which of them are not there.
 */
import type { AdmissionPlugin } from './admission.ts';
import { alwaysAdmit, alwaysDeny } from './plugins/always.ts';
import { alwaysPullImages } from './plugins/always-pull-images.ts';
import { denyServiceExternalIps } from './plugins/deny-service-external-ips.ts';
import { endpointRestriction } from './plugins/endpoint-restriction.ts';
import { eventRateLimit } from './plugins/event-rate-limit.ts';
import { extendedResourceToleration } from './plugins/extended-resource-toleration.ts';
import { imagePolicyWebhook } from './plugins/image-policy-webhook.ts';
import { namespaceAutoProvision, namespaceExists } from './plugins/namespace-presence.ts';
import { ownerReferencesPermissionEnforcement } from './plugins/owner-references.ts';
import { limitPodHardAntiAffinityTopology } from './plugins/pod-anti-affinity.ts';
import { podGroupWorkloadExists } from './plugins/pod-group-workload.ts';
import { podNodeSelector } from './plugins/pod-node-selector.ts';
import { podTolerationRestriction } from './plugins/pod-toleration-restriction.ts';
import {
  certificateApproval,
  certificateSigning,
  certificateSubjectRestriction,
  clusterTrustBundleAttest,
  podCertificateSigning,
} from './plugins/certificates.ts';
import { customResourceTermination } from './plugins/custom-resource-termination.ts';
import { defaultIngressClass } from './plugins/default-ingress-class.ts';
import { defaultStorageClass } from './plugins/default-storage-class.ts';
import { defaultTolerationSeconds } from './plugins/default-toleration-seconds.ts';
import { limitRanger } from './plugins/limit-ranger.ts';
import { namespaceLifecycle } from './plugins/namespace-lifecycle.ts';
import { nodeDeclaredFeatures } from './plugins/node-declared-features.ts';
import { nodeRestriction } from './plugins/node-restriction.ts';
import { podGroupProtection, storageObjectInUseProtection } from './plugins/object-protection.ts';
import { persistentVolumeClaimResize } from './plugins/persistent-volume-claim-resize.ts';
import { podResize } from './plugins/pod-resize.ts';
import { podSecurity } from './plugins/pod-security.ts';
import { podTopologyLabels } from './plugins/pod-topology-labels.ts';
import { priority } from './plugins/priority.ts';
import { rbacEscalation } from './plugins/rbac-escalation.ts';
import { resourceQuota } from './plugins/resource-quota.ts';
import { runtimeClass } from './plugins/runtime-class.ts';
import { serviceAccount } from './plugins/service-account.ts';
import { taintNodesByCondition } from './plugins/taint-nodes-by-condition.ts';
import { mutatingAdmissionPolicy } from './policies/mutating.ts';
import { validatingAdmissionPolicy } from './policies/validating.ts';
import type { AdmissionServices } from './services.ts';
import { mutatingAdmissionWebhook } from './webhooks/mutating.ts';
import { validatingAdmissionWebhook } from './webhooks/validating.ts';

export function admissionInOrder(services: AdmissionServices): readonly AdmissionPlugin[] {
  return [
    customResourceTermination,
    alwaysAdmit,
    namespaceAutoProvision(services),
    // Is there a namespace to write to, and does it stay?
    namespaceLifecycle(services),
    namespaceExists(services),
    limitPodHardAntiAffinityTopology,
    // Default requests and limits; bounds on them.
    limitRanger(services),
    // Every pod has an identity, and its token.
    serviceAccount(services),
    // A kubelet changes its own objects alone.
    nodeRestriction(services),
    taintNodesByCondition,
    alwaysPullImages,
    imagePolicyWebhook(services),
    // What the namespace asks of its pods.
    podSecurity(services),
    podNodeSelector(services),
    priority(services),
    defaultTolerationSeconds,
    podTolerationRestriction(services),
    eventRateLimit(services),
    extendedResourceToleration,
    defaultStorageClass(services),
    storageObjectInUseProtection,
    podGroupProtection,
    ownerReferencesPermissionEnforcement(services),
    persistentVolumeClaimResize(services),
    runtimeClass(services),
    certificateApproval(services),
    certificateSigning(services),
    clusterTrustBundleAttest(services),
    podCertificateSigning(services),
    certificateSubjectRestriction,
    defaultIngressClass(services),
    denyServiceExternalIps,
    // Ours: no namespace leads others to the pods of a third.
    endpointRestriction(services),
    podTopologyLabels(services),
    podGroupWorkloadExists(services),
    nodeDeclaredFeatures(services),
    podResize(services),
    // Those that know nothing of each other see what all of ours have made of a request.
    mutatingAdmissionPolicy(services),
    mutatingAdmissionWebhook(services),
    // Nobody grants what they do not hold. Upstream has this in storage, after all that may change it.
    rbacEscalation(services),
    validatingAdmissionPolicy(services),
    validatingAdmissionWebhook(services),
    // Nothing is charged that somebody else refuses.
    resourceQuota(services),
    alwaysDeny,
  ];
}
