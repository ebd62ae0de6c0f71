/** NetworkPolicy. Upstream: pkg/registry/networking/networkpolicy, pkg/apis/networking/v1/defaults.go. */
import type { NetworkPolicy } from '#api/gen/networking-v1.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, formatLabelSelector, NAME_COLUMN } from '../meta/columns.ts';
import {
  validateNetworkPolicyCreate,
  validateNetworkPolicyUpdate,
} from '../validation/network-policy.ts';

function setDefaults({ spec }: NetworkPolicy): void {
  if (spec === undefined) return;
  const rules = [...(spec.ingress ?? []), ...(spec.egress ?? [])];
  for (const port of rules.flatMap((rule) => rule.ports ?? [])) port.protocol ??= 'TCP';
  if ((spec.policyTypes ?? []).length > 0) return;
  spec.policyTypes = (spec.egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
}

export const NETWORK_POLICY = defineKind<NetworkPolicy>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'NetworkPolicy',
  plural: 'networkpolicies',
  shortNames: ['netpol'],
  namespaced: true,
  schema: 'io.k8s.api.networking.v1.NetworkPolicy',
  countsGeneration: true,
  unconditionalUpdate: true,
  columns: [
    NAME_COLUMN,
    column('Pod-Selector', ({ spec }) => formatLabelSelector(spec?.podSelector)),
    AGE_COLUMN,
  ],
  setDefaults,
  validateCreate: validateNetworkPolicyCreate,
  validateUpdate: validateNetworkPolicyUpdate,
});
