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

/** Upstream: pkg/kubeapiserver/admission/exclusion/resources.go: nothing of them is stored. */
const REVIEWS: ReadonlySet<string> = new Set([
  'selfsubjectreviews.authentication.k8s.io',
  'tokenreviews.authentication.k8s.io',
  'localsubjectaccessreviews.authorization.k8s.io',
  'selfsubjectaccessreviews.authorization.k8s.io',
  'selfsubjectrulesreviews.authorization.k8s.io',
  'subjectaccessreviews.authorization.k8s.io',
]);

const WEBHOOK_CONFIGURATION = /webhookconfigurations$/;

/**
 * Whether policies are never asked about a kind: what authenticates and authorizes, and policies
 * and their bindings. Webhook configurations are theirs to decide about.
 *
 * Upstream: admission/plugin/policy/generic/plugin.go (admissionResources).
 */
export function isExemptFromPolicies(kind: Pick<AnyKind, 'group' | 'plural'>): boolean {
  if (isAdmissionConfiguration(kind)) return !WEBHOOK_CONFIGURATION.test(kind.plural);
  return REVIEWS.has(`${kind.plural}.${kind.group}`);
}
