/** What the plug-ins of both kinds of webhooks share: who is asked of a request, and how. */
import { forbidden } from '#api/meta/status.ts';
import type { AnyKind } from '#api/kind.ts';
import type { ApiObject } from '../../api-object.ts';
import type { WebhookUsers } from '../../webhooks/credentials.ts';
import { RequestDecisions } from '../matching/authorizer.ts';
import { matchRequest } from '../matching/matcher.ts';
import { admissionRequest, type RequestView, type ResourceMatch } from '../matching/request.ts';
import type { ShownObjects } from '../matching/versions.ts';
import type { AdmissionServices } from '../services.ts';
import type { CallServices } from './call.ts';
import type { ReadyWebhook } from './configurations.ts';

/** Webhooks are shown one of `users`. */
export function callServices(
  { environment, metrics, webhooks }: AdmissionServices,
  users: WebhookUsers | undefined,
): CallServices {
  const { budget } = webhooks;
  return { environment, metrics, budget, locate: (config) => webhooks.locate(config, users) };
}

/** Both objects as a kind. */
export type ShownAs = (kind: AnyKind) => Promise<ShownObjects>;

/** One request, and the questions about it that need be asked only once. */
export interface WebhookRequest {
  readonly view: RequestView;
  readonly decisions: RequestDecisions;
  readonly shownAs: ShownAs;
}

export function decisionsFor({ authorize }: AdmissionServices): RequestDecisions {
  return new RequestDecisions(authorize);
}

/**
 * As what `hook` is asked about a request; undefined: not at all. `object`: as it is by now. Throws
 * 403 where its conditions cannot be decided, 404 where the namespace is not there.
 *
 * Upstream: admission/plugin/webhook/generic/webhook.go (ShouldCallHook).
 */
export async function matchWebhook(
  services: AdmissionServices,
  hook: ReadyWebhook,
  { view, decisions, shownAs }: WebhookRequest,
  object: ApiObject | undefined,
): Promise<ResourceMatch | undefined> {
  const match = await matchRequest(services, hook.criteria, view, object);
  if (match === undefined || hook.conditions.isEmpty) return match;
  const { environment, metrics } = services;
  const outcome = await hook.conditions.evaluate({ clock: environment.clock, metrics }, decisions, {
    view,
    request: admissionRequest(view, match),
    ...(await shownAs(match.kind)),
  });
  if (outcome.kind === 'match') return match;
  const { group, resource } = view.resource;
  if (outcome.kind === 'error') throw forbidden({ group, resource }, view.name, outcome.message);
  const { owner } = hook.conditions;
  const type = owner.type === 'admit' ? 'admit' : 'validate';
  metrics.excluded({ ...owner, type }, view.operation);
  return undefined;
}
