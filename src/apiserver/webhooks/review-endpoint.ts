/**
 * A server that answers reviews (of access, of tokens): found by a kubeconfig, asked again when it
 * is only in trouble for the moment.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/util/webhook/webhook.go.
 */
import { type Environment, sleep } from '#base/env.ts';
import { isJsonObject } from '#api/meta/json.ts';
import type { Json, JsonObject } from '#api/meta/object.ts';
import type { Backend, BackendConnector } from '../proxy/transport.ts';
import type { WebhookRoad } from './locate.ts';
import { postJson, WebhookPostError } from './post.ts';

/** Where it is, and as whom it is asked. */
export interface ReviewEndpoint {
  readonly backend: Backend;
  /** Reviews are posted to just this path. */
  readonly path: string;
  /** The bearer token of the moment. */
  readonly token?: () => string;
}

const TRIES = 5;
const FIRST_DELAY_MS = 500;
const DELAY_FACTOR = 1.5;
/** Up to so much of a delay is added to it by chance. */
const JITTER = 0.2;
const ANSWER_MAX_BYTES = 3 * 1024 * 1024;

export interface ReviewClientOptions {
  readonly environment: Environment;
  readonly backends: BackendConnector;
  readonly endpoint: ReviewEndpoint;
  readonly timeoutMs: number;
  /** Before the second try; half a second unless given. */
  readonly firstDelayMs?: number;
}

/** What became of one try, as metrics tell it. */
export type TryResult = 'success' | 'canceled' | 'timeout' | 'error';
type Tried = (result: TryResult, tookMs: number, status: number | undefined) => void;

export class ReviewClient {
  readonly #options: ReviewClientOptions;
  readonly #road: WebhookRoad;

  constructor(options: ReviewClientOptions) {
    const { backend, path } = options.endpoint;
    const { host, port, tls } = backend;
    const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
    this.#options = options;
    this.#road = {
      handler: options.backends.to(backend),
      url: path === '' ? '/' : path,
      origin: `${tls === undefined ? 'http' : 'https'}://${address}`,
      address,
    };
  }

  /** The status of `review` as it was answered. Tries up to five times; throws the last error. */
  async ask(
    review: { readonly apiVersion: string; readonly kind: string },
    { signal, tried }: { readonly signal?: AbortSignal | undefined; readonly tried?: Tried } = {},
  ): Promise<JsonObject> {
    let delayMs = this.#options.firstDelayMs ?? FIRST_DELAY_MS;
    for (let left = TRIES - 1; ; left--) {
      try {
        return await this.#askOnce(review, signal, tried);
      } catch (error) {
        if (left === 0 || signal?.aborted === true || !mayPass(error)) throw error;
      }
      const { environment } = this.#options;
      await sleep(environment, delayMs * (1 + environment.random.next() * JITTER), signal);
      delayMs *= DELAY_FACTOR;
    }
  }

  async #askOnce(
    review: { readonly apiVersion: string; readonly kind: string },
    signal: AbortSignal | undefined,
    tried: Tried = () => {},
  ): Promise<JsonObject> {
    const { environment, endpoint, timeoutMs } = this.#options;
    const start = environment.clock.monotonicMs();
    const took = (): number => environment.clock.monotonicMs() - start;
    const headers =
      endpoint.token === undefined ? {} : { authorization: `Bearer ${endpoint.token()}` };
    const { origin, url } = this.#road;
    try {
      const answer = await postJson(environment, {
        origin,
        url,
        road: () => this.#road,
        body: review,
        headers,
        timeoutMs,
        answerMaxBytes: ANSWER_MAX_BYTES,
        ...(signal === undefined ? {} : { signal }),
      });
      const status = statusOf(answer, review);
      tried('success', took(), 200);
      return status;
    } catch (error) {
      tried(resultOf(error, signal), took(), codeOfAnswer(error));
      throw error;
    }
  }
}

function statusOf(
  answer: unknown,
  { apiVersion, kind }: { readonly apiVersion: string; readonly kind: string },
): JsonObject {
  const review = (isJsonObject((answer ?? null) as Json) ? answer : {}) as JsonObject;
  if (review['apiVersion'] !== apiVersion || review['kind'] !== kind)
    throw new Error(
      `expected webhook response of ${apiVersion}, Kind=${kind}, got ${textOf(review['apiVersion'])}, Kind=${textOf(review['kind'])}`,
    );
  const { status = {} } = review;
  if (!isJsonObject(status)) throw new Error('the status of the webhook response is no object');
  return status;
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

/** Upstream asks again after 429, 500 and 504, Retry-After, and connections that broke. */
function mayPass(error: unknown): boolean {
  if (error instanceof WebhookPostError && error.isAnswer)
    return [429, 500, 504].includes(error.code) || error.hasRetryAfter;
  return codeOf(error) === 'ECONNRESET';
}

/** Undefined: there was none. */
function codeOfAnswer(error: unknown): number | undefined {
  return error instanceof WebhookPostError && error.isAnswer ? error.code : undefined;
}

function resultOf(error: unknown, signal: AbortSignal | undefined): TryResult {
  if (signal?.aborted === true) return 'canceled';
  const code = codeOfAnswer(error);
  if (code !== undefined) return code === 504 ? 'timeout' : 'error';
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && cause.name === 'TimeoutError' ? 'timeout' : 'error';
}

/** Of the platform, however deep it lies. */
function codeOf(error: unknown): string {
  const from = error instanceof WebhookPostError ? error.cause : error;
  for (let at = from; at instanceof Error; at = at.cause) if ('code' in at) return String(at.code);
  return '';
}
