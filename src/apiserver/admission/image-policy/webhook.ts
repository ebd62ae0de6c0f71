/**
 * Asks the webhook of ImagePolicyWebhook, and again where it did not answer.
 *
 * Source: upstream staging/src/k8s.io/apiserver/pkg/util/webhook/webhook.go (tries, limits) and
 * plugin/pkg/admission/imagepolicy, v1.36.
 */
import { type Environment, sleep, timeoutSignal } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import { dialError, isDialError } from '#base/http/dial-error.ts';
import { type HttpResponse, readBody } from '#base/http/message.ts';
import type { BackendConnector } from '../../proxy/transport.ts';
import type { ImagePolicyOptions } from '../configuration/image-policy.ts';

const API_VERSION = 'imagepolicy.k8s.io/v1alpha1';
const TIMEOUT_MS = 30_000;
const TRIES = 5;
const FACTOR = 1.5;
const JITTER = 0.2;
/** Of the answer's text in a message. */
const SHOWN_MAX = 1024;

export interface ImageReviewSpec {
  readonly containers: readonly { readonly image: string }[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly namespace: string;
}

export interface ImageReviewStatus {
  readonly allowed: boolean;
  readonly reason: string;
  readonly auditAnnotations: Readonly<Record<string, string>>;
}

export interface WebhookDoors {
  readonly environment: Environment;
  readonly backends: BackendConnector;
}

/** Throws an error that says why there is no answer. */
export async function askWebhook(
  doors: WebhookDoors,
  options: Pick<ImagePolicyOptions, 'webhook' | 'retryBackoffMs'>,
  spec: ImageReviewSpec,
  signal: AbortSignal | undefined,
): Promise<ImageReviewStatus> {
  const { environment } = doors;
  let backoffMs = options.retryBackoffMs;
  for (let tries = 1; ; tries++) {
    const answer = await ask(doors, options.webhook, spec, signal);
    if ('status' in answer) return answer.status;
    if (!answer.isPassing || tries === TRIES || signal?.aborted === true) throw answer.error;
    await sleep(environment, backoffMs * (1 + environment.random.next() * JITTER), signal);
    backoffMs *= FACTOR;
  }
}

type Answer =
  | { readonly status: ImageReviewStatus }
  | {
      readonly error: Error;
      /** It may be another one the next time. */
      readonly isPassing: boolean;
    };

/** Codes after which upstream asks again. */
const PASSING = [429, 500, 504];

async function ask(
  { environment, backends }: WebhookDoors,
  { host, port, path, tls, token }: ImagePolicyOptions['webhook'],
  spec: ImageReviewSpec,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  const limit = timeoutSignal(environment, TIMEOUT_MS, signal);
  const backend = { host, port, ...(tls === undefined ? {} : { tls }) };
  try {
    const response = await backends.to(backend)({
      method: 'POST',
      url: path,
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: Buffer.from(
        JSON.stringify({ kind: 'ImageReview', apiVersion: API_VERSION, metadata: {}, spec }),
      ),
      signal: limit.signal,
    });
    return await answerIn(response);
  } catch (error) {
    const text = isDialError(error) ? dialError(error, `${host}:${port}`) : messageOf(error);
    const origin = `${tls === undefined ? 'http' : 'https'}://${host}:${port}${path}`;
    return {
      error: new Error(`Post ${JSON.stringify(origin)}: ${text}`, { cause: error }),
      isPassing: (error as { code?: unknown }).code === 'ECONNRESET',
    };
  } finally {
    limit.release();
  }
}

async function answerIn({ status: code, body }: HttpResponse): Promise<Answer> {
  const text = Buffer.from(await readBody(body)).toString();
  if (code < 200 || code >= 300) {
    const error = new Error(`the server answered ${code}: ${text.slice(0, SHOWN_MAX)}`);
    return { error, isPassing: PASSING.includes(code) };
  }
  const review = parsed(text);
  if (review === undefined)
    return { error: new Error('the webhook answered no ImageReview'), isPassing: false };
  const { allowed, reason, auditAnnotations } = review.status ?? {};
  return {
    status: {
      allowed: allowed === true,
      reason: reason ?? '',
      auditAnnotations: auditAnnotations ?? {},
    },
  };
}

function parsed(text: string): { readonly status?: Partial<ImageReviewStatus> } | undefined {
  try {
    const value = JSON.parse(text) as {
      readonly apiVersion?: string;
      readonly kind?: string;
      readonly status?: Partial<ImageReviewStatus>;
    };
    return value.kind === 'ImageReview' && value.apiVersion === API_VERSION ? value : undefined;
  } catch {
    return undefined;
  }
}
