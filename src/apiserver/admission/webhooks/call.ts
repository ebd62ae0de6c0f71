/**
 * One call of one webhook, and what its end means for the request.
 *
 * Upstream: admission/plugin/webhook/{mutating,validating}/dispatcher.go.
 */
import { isQualifiedName } from '#api/meta/names.ts';
import type { JsonObject } from '#api/meta/object.ts';
import { internalError, timeout } from '#api/meta/status.ts';
import type { Environment } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import { faultsOf } from '#base/http/certificate-faults.ts';
import { webhookTook } from '../../audit/latency.ts';
import type { AdmissionMetrics, WebhookLabels } from '../../metrics/admission-metrics.ts';
import { faultAnnotation } from '../../proxy/certificate-faults.ts';
import { hostOf } from '../../webhooks/locate.ts';
import { type PostServices, postToWebhook, WebhookPostError } from '../../webhooks/post.ts';
import type { Attributes } from '../admission.ts';
import { admissionRequest, type RequestView, type ResourceMatch } from '../matching/request.ts';
import type { WebhookBudget } from './budget.ts';
import type { ReadyWebhook } from './configurations.ts';
import { CallingWebhookError, dryRunUnsupported, rejection, WebhookRejection } from './errors.ts';
import {
  readAnswer,
  type ReviewAnswer,
  reviewOf,
  reviewVersion,
  UnsupportedPatchType,
} from './review.ts';

const DEFAULT_TIMEOUT_SECONDS = 10;
const UNAVAILABLE = 503;
const BAD_REQUEST = 400;

export interface CallServices extends PostServices {
  readonly environment: Environment;
  readonly budget: WebhookBudget;
  readonly metrics: AdmissionMetrics;
}

/** What a webhook is asked about: the request as its rules want it. */
export interface Invocation {
  readonly hook: ReadyWebhook;
  readonly view: RequestView;
  readonly match: ResourceMatch;
  readonly object: JsonObject | undefined;
  readonly old: JsonObject | undefined;
}

/**
 * The answer of a webhook that lets the request pass; its annotations and warnings are passed on.
 * Throws CallingWebhookError, WebhookRejection, or the StatusError to answer.
 */
export async function askWebhook(
  services: CallServices,
  invocation: Invocation,
  type: WebhookLabels['type'],
): Promise<ReviewAnswer> {
  const { hook, view } = invocation;
  const { webhook } = hook;
  const { attributes } = view;
  const { name, sideEffects } = webhook;
  if (attributes.dryRun && sideEffects !== 'None' && sideEffects !== 'NoneOnDryRun')
    throw dryRunUnsupported(name);
  const answer = await answerOf(services, invocation, type === 'admit');
  for (const [key, value] of Object.entries(answer.auditAnnotations))
    annotate(attributes, `${name}/${key}`, value);
  for (const warning of answer.warnings) attributes.warn(warning);
  if (!answer.allowed) throw rejection(name, answer.result);
  return answer;
}

async function answerOf(
  services: CallServices,
  { hook: { webhook }, view, match, object, old }: Invocation,
  isMutating: boolean,
): Promise<ReviewAnswer> {
  const { name, clientConfig, timeoutSeconds = DEFAULT_TIMEOUT_SECONDS } = webhook;
  const fail = (reason: string, code = UNAVAILABLE, isCanceled = false): CallingWebhookError =>
    new CallingWebhookError(name, reason, { code, isCanceled });
  const version = reviewVersion(webhook.admissionReviewVersions);
  if (version === undefined)
    throw fail(
      'could not create admission objects: webhook does not accept known AdmissionReview versions (v1, v1beta1)',
      BAD_REQUEST,
    );
  const { request, signal } = view.attributes;
  const timeoutMs = Math.min(timeoutSeconds * 1000, services.budget.left(request));
  const uid = services.environment.random.uuid();
  const review = reviewOf(version, admissionRequest(view, match), { uid, object, old });
  const post = { body: review, timeoutMs, ...(signal === undefined ? {} : { signal }) };
  const { clock } = services.environment;
  const beganMs = clock.monotonicMs();
  const layer = isMutating ? 'mutating-webhook' : 'validating-webhook';
  const answer = await postToWebhook(services, clientConfig, post)
    .finally(() => webhookTook(request, layer, clock.monotonicMs() - beganMs))
    .catch((error: unknown) => {
      for (const fault of faultsOf(error))
        view.attributes.annotate(...faultAnnotation(fault, hostOf(clientConfig)));
      const reason = `failed to call webhook: ${messageOf(error)}`;
      throw error instanceof WebhookPostError
        ? fail(reason, error.code, error.isCanceled)
        : fail(reason);
    });
  try {
    return readAnswer(answer, review, isMutating);
  } catch (error) {
    throw fail(
      error instanceof UnsupportedPatchType
        ? error.message
        : `received invalid webhook response: ${messageOf(error)}`,
    );
  }
}

/** What is no name of an annotation is left out, as upstream's audit log does. */
function annotate(attributes: Attributes, key: string, value: string): void {
  if (key.split('/').length === 2 && isQualifiedName(key).length === 0)
    attributes.annotate(key, value);
}

/** A call that ended: `error` undefined where it ended well. */
export interface Ended {
  readonly hook: ReadyWebhook;
  readonly view: RequestView;
  readonly type: WebhookLabels['type'];
  readonly error: unknown;
  readonly tookMs: number;
}

/** Nothing thrown is no error. */
function thrown(error: unknown): Error | undefined {
  if (error === undefined || error instanceof Error) return error;
  return internalError(messageOf(error));
}

const OK = 200;

/** Counts the call. Upstream leaves calls out of the rejections whose client has gone away. */
export function countCall({ metrics }: CallServices, ended: Ended): void {
  const { hook, view, type, error, tookMs } = ended;
  const labels = { name: hook.webhook.name, type, operation: view.operation };
  const counted = (code: number, rejected: boolean): void =>
    metrics.webhookAsked(labels, { code, rejected, tookMs });
  if (error === undefined) return counted(OK, false);
  if (error instanceof CallingWebhookError) {
    const rejected = !hook.ignoresFailures;
    if (rejected && !error.isCanceled)
      metrics.webhookRejected(labels, 'calling_webhook_error', error.code);
    return counted(error.code, rejected);
  }
  if (error instanceof WebhookRejection) {
    metrics.webhookRejected(labels, 'no_error', error.status.code);
    return counted(error.status.code, true);
  }
  metrics.webhookRejected(labels, 'apiserver_internal_error', 0);
  counted(0, true);
}

/**
 * What a call that did not end well means: the error to answer, or undefined where the request goes
 * on without the webhook. `failOpenKey`: of the annotation that says so.
 */
export function verdictOf(
  services: CallServices,
  { hook, view, type, error }: Ended,
  failOpenKey: string,
): Error | undefined {
  const { attributes, operation } = view;
  if (error instanceof WebhookRejection) return error.status;
  if (!(error instanceof CallingWebhookError)) return thrown(error);
  const { name } = hook.webhook;
  const { log } = services.environment;
  if (!hook.ignoresFailures) {
    log.warn('an admission webhook failed, and the request with it', { error: error.message });
    return internalError(error.message);
  }
  if (!error.isCanceled) {
    log.warn('an admission webhook failed, the request goes on', { error: error.message });
    services.metrics.failedOpen({ name, type, operation });
    attributes.annotate(failOpenKey, name);
  }
  if (services.budget.isSpent(attributes.request)) return services.budget.spent();
  return attributes.signal?.aborted === true
    ? timeout('request did not complete within requested timeout', 0)
    : undefined;
}
