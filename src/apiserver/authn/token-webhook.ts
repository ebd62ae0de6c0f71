/**
 * Tokens that a webhook knows, by TokenReviews.
 *
 * Source: Kubernetes documentation, "Webhook Token Authentication"; upstream v1.36
 * staging/src/k8s.io/apiserver/plugin/pkg/authenticator/token/webhook/webhook.go.
 */
import { isJsonObject } from '#api/meta/json.ts';
import type { Json, JsonObject } from '#api/meta/object.ts';
import type { Environment } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { User } from '../context.ts';
import type { BackendConnector } from '../proxy/transport.ts';
import { ReviewClient, type ReviewEndpoint } from '../webhooks/review-endpoint.ts';
import { TokenError } from './token-authenticator.ts';
import type { FarTokenAuthenticator } from './token-cache.ts';

/** Upstream's limit for one question. */
const TIMEOUT_MS = 30_000;

export interface TokenWebhookOptions {
  readonly endpoint: ReviewEndpoint;
  /** `v1` or `v1beta1` */
  readonly version: string;
  /** How long its answers are remembered. */
  readonly cacheMs: number;
}

/** `ownAudiences`: those that a token is for of which the webhook names none. */
export function webhookTokens(
  { endpoint, version }: TokenWebhookOptions,
  ownAudiences: readonly string[],
  services: { readonly environment: Environment; readonly backends: BackendConnector },
): FarTokenAuthenticator {
  const { environment } = services;
  const client = new ReviewClient({ ...services, endpoint, timeoutMs: TIMEOUT_MS });
  const apiVersion = `authentication.k8s.io/${version}`;
  return async (token, { audiences: wanted }, signal) => {
    const spec = { token, audiences: wanted };
    const review = { kind: 'TokenReview', apiVersion, metadata: {}, spec, status: { user: {} } };
    const status = await client.ask(review, { signal }).catch((error: unknown): never => {
      environment.log.error('cannot ask the authentication webhook', { error: messageOf(error) });
      throw new TokenError(messageOf(error), { cause: error });
    });
    const named = texts(status['audiences']);
    const got = named.length > 0 ? named : ownAudiences;
    const audiences = wanted.filter((audience) => got.includes(audience));
    if (audiences.length === 0) return undefined;
    if (status['authenticated'] === true)
      return { user: userOf(objectOr(status['user'])), audiences };
    const { error = '' } = status;
    if (typeof error === 'string' && error !== '') throw new TokenError(error);
    return undefined;
  };
}

function userOf({ username, uid, groups, extra }: JsonObject): User {
  const id = textOr(uid);
  return {
    name: textOr(username),
    groups: texts(groups),
    ...(id === '' ? {} : { uid: id }),
    ...(extra === undefined
      ? {}
      : {
          extra: Object.fromEntries(
            Object.entries(objectOr(extra)).map(([key, values]) => [key, texts(values)]),
          ),
        }),
  };
}

function objectOr(value: Json | undefined): JsonObject {
  return isJsonObject(value ?? null) ? (value as JsonObject) : {};
}

function textOr(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

function texts(value: Json | undefined): string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];
}
