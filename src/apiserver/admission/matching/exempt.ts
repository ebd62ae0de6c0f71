/** Requests that webhooks and policies never see, so that nobody can lock a cluster up with them. */
import type { AnyKind } from '#api/kind.ts';

/** Upstream: admission/plugin/webhook/predicates/rules (IsExemptAdmissionConfigurationResource). */
const CONFIGURATION: ReadonlySet<string> = new Set([
  'validatingwebhookconfigurations',
  'mutatingwebhookconfigurations',
  'validatingadmissionpolicies',
  'validatingadmissionpolicybindings',
  'mutatingadmissionpolicies',
  'mutatingadmissionpolicybindings',
]);

/** Whether a kind is itself configuration of admission: neither webhooks nor policies are asked. */
export function isAdmissionConfiguration({
  group,
  plural,
}: Pick<AnyKind, 'group' | 'plural'>): boolean {
  return group === 'admissionregistration.k8s.io' && CONFIGURATION.has(plural);
}
