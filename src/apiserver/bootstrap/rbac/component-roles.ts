/**
 * Cluster roles of the components that are no controllers.
 *
 * Source: upstream plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go. `rule-text.ts` says
 * how to read a line.
 */
import { NODE_RULES_TEXT } from './node-rules.ts';

export const COMPONENT_ROLES: Readonly<Record<string, string>> = {
  'system:auth-delegator': `
    create: tokenreviews @ authentication.k8s.io
    create: subjectaccessreviews @ authorization.k8s.io
  `,
  'system:certificates.k8s.io:certificatesigningrequests:nodeclient': `
    create: certificatesigningrequests/nodeclient @ certificates.k8s.io
  `,
  'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient': `
    create: certificatesigningrequests/selfnodeclient @ certificates.k8s.io
  `,
  'system:certificates.k8s.io:kube-apiserver-client-approver': `
    approve: signers [kubernetes.io/kube-apiserver-client] @ certificates.k8s.io
  `,
  'system:certificates.k8s.io:kube-apiserver-client-kubelet-approver': `
    approve: signers [kubernetes.io/kube-apiserver-client-kubelet] @ certificates.k8s.io
  `,
  'system:certificates.k8s.io:kubelet-serving-approver': `
    approve: signers [kubernetes.io/kubelet-serving] @ certificates.k8s.io
  `,
  'system:certificates.k8s.io:legacy-unknown-approver': `
    approve: signers [kubernetes.io/legacy-unknown] @ certificates.k8s.io
  `,
  'system:heapster': `
    get list watch: events namespaces nodes pods
    get list watch: deployments @ extensions
  `,
  'system:kube-aggregator': `
    get list watch: endpoints services
  `,
  'system:kube-controller-manager': `
    create patch update: events @ core events.k8s.io
    create: leases @ coordination.k8s.io
    get update: leases [kube-controller-manager] @ coordination.k8s.io
    create: secrets serviceaccounts
    delete: secrets
    get: configmaps namespaces secrets serviceaccounts
    update: secrets serviceaccounts
    create: tokenreviews @ authentication.k8s.io
    create: subjectaccessreviews @ authorization.k8s.io
    list watch: * @ *
    create: serviceaccounts/token
  `,
  'system:kube-dns': `
    list watch: endpoints services
  `,
  'system:kube-scheduler': `
    create patch update: events @ core events.k8s.io
    create: leases @ coordination.k8s.io
    get list update watch: leases [kube-scheduler] @ coordination.k8s.io
    create delete deletecollection get list patch update watch: leasecandidates @
        coordination.k8s.io
    get list watch: nodes
    delete get list watch: pods
    create: bindings pods/binding
    patch update: pods/status
    get list watch: replicationcontrollers services
    get list watch: replicasets @ apps extensions
    get list watch: statefulsets @ apps
    get list watch: poddisruptionbudgets @ policy
    get list watch: persistentvolumeclaims persistentvolumes
    create: tokenreviews @ authentication.k8s.io
    create: subjectaccessreviews @ authorization.k8s.io
    get list watch: csinodes @ storage.k8s.io
    get list watch: volumeattachments @ storage.k8s.io
    get list watch: namespaces
    get list watch: csidrivers @ storage.k8s.io
    get list watch: csistoragecapacities @ storage.k8s.io
    get list watch: deviceclasses @ resource.k8s.io
    get list patch update watch: resourceclaims @ resource.k8s.io
    get list patch update watch: resourceclaims/status @ resource.k8s.io
    update: pods/finalizers
    get list watch: resourceslices @ resource.k8s.io
    create delete: resourceclaims @ resource.k8s.io
    patch update: resourceclaims/binding @ resource.k8s.io
  `,
  'system:kubelet-api-admin': `
    get list watch: nodes
    proxy: nodes
    *: nodes/log nodes/metrics nodes/proxy nodes/stats
    *: nodes/configz nodes/healthz nodes/pods
  `,
  'system:node-bootstrapper': `
    create get list watch: certificatesigningrequests @ certificates.k8s.io
  `,
  'system:node-problem-detector': `
    get: nodes
    patch: nodes/status
    create patch update: events @ core events.k8s.io
  `,
  'system:node-proxier': `
    list watch: endpoints services
    get list watch: nodes
    create patch update: events @ core events.k8s.io
    list watch: servicecidrs @ networking.k8s.io
    list watch: endpointslices @ discovery.k8s.io
  `,
  'system:persistent-volume-provisioner': `
    create delete get list watch: persistentvolumes
    get list update watch: persistentvolumeclaims
    get list watch: storageclasses @ storage.k8s.io
    watch: events
    create patch update: events @ core events.k8s.io
  `,
  'system:volume-scheduler': `
    get list patch update watch: persistentvolumes
    get list watch: storageclasses @ storage.k8s.io
    get list patch update watch: persistentvolumeclaims
  `,
  'system:node': NODE_RULES_TEXT,
};
