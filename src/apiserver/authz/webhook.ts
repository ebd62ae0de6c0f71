/**
 * An authorizer that asks a webhook, by SubjectAccessReviews.
 *
 * Source: Kubernetes documentation, "Webhook Mode"; upstream v1.36
 * staging/src/k8s.io/apiserver/plugin/pkg/authorizer/webhook/webhook.go.
 */
import { createHash } from 'node:crypto';
import { compileMatchConditions } from '#api/apiserver-config/match-conditions.ts';
import type { WebhookConfiguration } from '#api/apiserver-config/authorization-types.ts';
import type { SubjectAccessReviewSpec } from '#api/gen/authorization-v1.ts';
import type { JsonObject } from '#api/meta/object.ts';
import type { Environment } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import { ExpiringCache } from '#base/expiring-cache.ts';
import type { AuthorizationMetrics } from '../metrics/authorization-metrics.ts';
import type { BackendConnector } from '../proxy/transport.ts';
import { ReviewClient, type ReviewEndpoint, type TryResult } from '../webhooks/review-endpoint.ts';
import { accessQuestion } from './access-question.ts';
import type { AuthorizationAttributes, Decision } from './authorizer.ts';
import { type RuledAuthorizer, unresolved } from './rules.ts';

const ANSWERS_MAX = 8192;
/** What is longer, the asker may have made to fill the cache. */
const CONTROLLED_MAX = 10_000;
const NANOS_PER_MS = 1e6;
const GROUP = 'authorization.k8s.io';

export interface AccessWebhookOptions {
  /** Of the authorizer; empty where only the flags name it. */
  readonly name: string;
  readonly webhook: WebhookConfiguration;
  readonly endpoint: ReviewEndpoint;
  readonly environment: Environment;
  readonly backends: BackendConnector;
  readonly metrics: AuthorizationMetrics;
}

export function webhookAuthorizer(options: AccessWebhookOptions): RuledAuthorizer {
  const webhook = new AccessWebhook(options);
  return {
    authorize: (attributes, signal) => webhook.decide(attributes, signal),
    rules: unresolved('webhook'),
  };
}

interface Answer {
  readonly allowed: boolean;
  readonly denied: boolean;
  readonly reason: string;
}

class AccessWebhook {
  readonly #options: AccessWebhookOptions;
  readonly #client: ReviewClient;
  readonly #conditions;
  readonly #answers: ExpiringCache<Answer>;

  constructor(options: AccessWebhookOptions) {
    const { webhook, environment } = options;
    this.#options = options;
    this.#client = new ReviewClient({
      ...options,
      timeoutMs: webhook.timeoutNanos / NANOS_PER_MS,
    });
    ({ conditions: this.#conditions } = compileMatchConditions(webhook.matchConditions));
    this.#answers = new ExpiringCache(ANSWERS_MAX, () => environment.clock.monotonicMs());
  }

  decide(
    attributes: AuthorizationAttributes,
    signal: AbortSignal | undefined,
  ): Decision | Promise<Decision> {
    const spec = accessQuestion(attributes);
    const isMeant = this.#matches(spec);
    if (isMeant instanceof Error) return this.#failed(isMeant.message);
    if (!isMeant) return { outcome: 'none', reason: '' };
    const key = createHash('sha256').update(JSON.stringify(spec)).digest('base64');
    const known = this.#answers.get(key);
    if (known !== undefined) return decisionOf(known);
    return this.#ask(spec, signal).then(
      (answer) => {
        if (isShort(attributes)) this.#answers.set(key, answer, this.#lifeMs(answer));
        return decisionOf(answer);
      },
      (error: unknown) => this.#failed(messageOf(error)),
    );
  }

  #matches(spec: SubjectAccessReviewSpec): boolean | Error {
    if (this.#conditions.isEmpty) return true;
    const { name, environment, metrics } = this.#options;
    const start = environment.clock.monotonicMs();
    const outcome = this.#conditions.matches(spec);
    metrics.matched(name, outcome, environment.clock.monotonicMs() - start);
    return outcome;
  }

  async #ask(spec: SubjectAccessReviewSpec, signal: AbortSignal | undefined): Promise<Answer> {
    const { name, webhook, environment, metrics } = this.#options;
    const apiVersion = `${GROUP}/${webhook.subjectAccessReviewVersion}`;
    const review = {
      kind: 'SubjectAccessReview',
      apiVersion,
      metadata: {},
      spec: apiVersion === `${GROUP}/v1` ? spec : asBeta(spec),
      status: { allowed: false },
    };
    let last: TryResult = 'error';
    const tried = (result: TryResult, tookMs: number): void => {
      last = result;
      metrics.asked(name, result, tookMs);
    };
    try {
      return answerOf(await this.#client.ask(review, { signal, tried }));
    } catch (error) {
      environment.log.error('cannot ask the authorization webhook', {
        name,
        error: messageOf(error),
      });
      if (webhook.failurePolicy === 'NoOpinion' && signal?.aborted !== true)
        metrics.failedOpen(name, last);
      throw error;
    }
  }

  #failed(error: string): Decision {
    const outcome = this.#options.webhook.failurePolicy === 'Deny' ? 'deny' : 'none';
    return { outcome, reason: '', error };
  }

  #lifeMs({ allowed }: Answer): number {
    const { webhook } = this.#options;
    if (allowed)
      return webhook.cacheAuthorizedRequests ? webhook.authorizedTtlNanos / NANOS_PER_MS : 0;
    return webhook.cacheUnauthorizedRequests ? webhook.unauthorizedTtlNanos / NANOS_PER_MS : 0;
  }
}

/** The groups have another name there. */
function asBeta({ groups, ...spec }: SubjectAccessReviewSpec): object {
  return groups === undefined ? spec : { ...spec, group: groups };
}

function answerOf({ allowed, denied, reason }: JsonObject): Answer {
  return {
    allowed: allowed === true,
    denied: denied === true,
    reason: typeof reason === 'string' ? reason : '',
  };
}

function decisionOf({ allowed, denied, reason }: Answer): Decision {
  if (denied && allowed) {
    const error = 'webhook subject access review returned both allow and deny response';
    return { outcome: 'deny', reason, error };
  }
  if (denied) return { outcome: 'deny', reason };
  return { outcome: allowed ? 'allow' : 'none', reason };
}

function isShort(attributes: AuthorizationAttributes): boolean {
  const { namespace, verb, group, version, resource, subresource, name, path } = attributes;
  const texts = [namespace, verb, group, version, resource, subresource, name, path];
  return texts.reduce((sum, { length }) => sum + length, 0) < CONTROLLED_MAX;
}
