/**
 * What every kubelet may do; the Node authorizer narrows it to objects of its own node.
 *
 * Source: upstream plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go (NodeRules).
 */
import type { FeatureGates } from '#api/features/feature-gates.ts';
import type { PolicyRule } from '#api/gen/rbac-v1.ts';
import { gatedPolicies, gatedRules } from './gated-policy.ts';
import { parseRules } from './rule-text.ts';

export const NODE_RULES_TEXT = `
    create: tokenreviews @ authentication.k8s.io
    create: localsubjectaccessreviews subjectaccessreviews @ authorization.k8s.io
    get list watch: services
    create get list watch: nodes
    patch update: nodes/status
    patch update: nodes
    create patch update: events @ core events.k8s.io
    get list watch: pods
    create delete: pods
    patch update: pods/status
    create: pods/eviction
    get list watch: configmaps secrets
    get: persistentvolumeclaims persistentvolumes
    get: endpoints
    create get list watch: certificatesigningrequests @ certificates.k8s.io
    create delete get patch update: leases @ coordination.k8s.io
    get: volumeattachments @ storage.k8s.io
    create: serviceaccounts/token
    get patch update: persistentvolumeclaims/status
    get list watch: csidrivers @ storage.k8s.io
    create delete get patch update: csinodes @ storage.k8s.io
    get list watch: runtimeclasses @ node.k8s.io
    get: resourceclaims @ resource.k8s.io
    deletecollection: resourceslices @ resource.k8s.io
    get: serviceaccounts
`;

/** As the role `system:node` has them. */
export function nodeRules(gates: FeatureGates): PolicyRule[] {
  return [...parseRules(NODE_RULES_TEXT), ...gatedRules(gatedPolicies(gates), 'system:node')];
}
