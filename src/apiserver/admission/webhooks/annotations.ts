/**
 * What the audit log is told of webhooks.
 *
 * Source: Kubernetes documentation, "Dynamic Admission Control" (mutating webhook auditing
 * annotations); upstream admission/plugin/webhook/mutating/dispatcher.go (webhookAnnotator).
 */
import type { Json } from '#api/meta/object.ts';
import type { Attributes } from '../admission.ts';
import type { ReadyWebhook } from './configurations.ts';

const MUTATION = 'mutation.webhook.admission.k8s.io/';
const PATCH = 'patch.webhook.admission.k8s.io/';
const VALIDATING = 'validating.webhook.admission.k8s.io/';

/** `index`: of the webhook among all mutating ones. */
export interface CallPlace {
  readonly round: number;
  readonly index: number;
}

function placeText({ round, index }: CallPlace): string {
  return `round_${round}_index_${index}`;
}

export function mutatingFailOpenKey(place: CallPlace): string {
  return `failed-open.${MUTATION}${placeText(place)}`;
}

/** `index`: of the webhook among those that are asked of the request. */
export function validatingFailOpenKey(index: number): string {
  return `failed-open.${VALIDATING}${placeText({ round: 0, index })}`;
}

/** That a webhook was asked, and whether it has changed the object. */
export function annotateMutation(
  attributes: Attributes,
  { configuration, webhook }: ReadyWebhook,
  about: CallPlace & { readonly mutated: boolean },
): void {
  const { mutated } = about;
  const value = { configuration, webhook: webhook.name, mutated };
  attributes.annotate(`${MUTATION}${placeText(about)}`, JSON.stringify(value));
}

/** The patch itself: only where audit events hold requests too. */
export function annotatePatch(
  attributes: Attributes,
  { configuration, webhook }: ReadyWebhook,
  about: CallPlace & { readonly patch: readonly Json[] },
): void {
  const patch = [...about.patch];
  const value = { configuration, webhook: webhook.name, patch, patchType: 'JSONPatch' };
  attributes.annotate(`${PATCH}${placeText(about)}`, JSON.stringify(value), 'Request');
}
