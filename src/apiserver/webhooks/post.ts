/**
 * One question to a webhook: JSON there, JSON back.
 *
 * Upstream: client-go/rest/request.go (Do, transformResponse, Into) and
 * apimachinery/pkg/api/errors/errors.go (NewGenericServerResponse) for what is said of failures.
 * Redirects are not followed: what was checked is what is spoken to.
 */
import { jsonProblem } from '#api/codec/json.ts';
import { isJsonObject } from '#api/meta/json.ts';
import type { Json } from '#api/meta/object.ts';
import { type Environment, timeoutSignal } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import { dialError, isDialError } from '#base/http/dial-error.ts';
import { type Headers, type HttpResponse, readBody } from '#base/http/message.ts';
import { type WebhookClientConfig, type WebhookRoad, webhookUrl } from './locate.ts';

/** No answer is longer: it holds at most a patch of an object, in base64. */
const ANSWER_MAX_BYTES = 8 * 1024 * 1024;
/** Of who asks, as upstream's. */
const USER_AGENT = 'kube-apiserver-admission';
/** Of an answer that is shown in a message. */
const SHOWN_MAX_BYTES = 2048;
const SERVICE_UNAVAILABLE = 503;

export interface WebhookPost {
  readonly body: object;
  /** Whole seconds are said to the webhook, rounded up. */
  readonly timeoutMs: number;
  /** Of who asked; no answer is waited for without them. */
  readonly signal?: AbortSignal;
}

export interface PostServices {
  readonly environment: Environment;
  /** Throws where there is no road. */
  locate(config: WebhookClientConfig): WebhookRoad;
}

interface PostFailure {
  readonly code?: number;
  readonly isAnswer?: boolean;
  readonly isCanceled?: boolean;
  readonly hasRetryAfter?: boolean;
  readonly cause?: unknown;
}

/** No answer, or none that can be used. `code`: of the answer, or 503. */
export class WebhookPostError extends Error {
  readonly code: number;
  /** There was an answer, and it was no success. */
  readonly isAnswer: boolean;
  /** The one who asked has gone. */
  readonly isCanceled: boolean;
  /** The answer says when to ask again. */
  readonly hasRetryAfter: boolean;

  constructor(message: string, failure: PostFailure = {}) {
    super(message, { cause: failure.cause });
    this.name = 'WebhookPostError';
    this.code = failure.code ?? SERVICE_UNAVAILABLE;
    this.isAnswer = failure.isAnswer === true;
    this.isCanceled = failure.isCanceled === true;
    this.hasRetryAfter = failure.hasRetryAfter === true;
  }
}

/** The answer as parsed JSON; it is asked with its time in the query. Throws WebhookPostError. */
export function postToWebhook(
  services: PostServices,
  config: WebhookClientConfig,
  post: WebhookPost,
): Promise<Json> {
  const { origin, url: plain } = webhookUrl(config);
  const seconds = Math.ceil(post.timeoutMs / 1000);
  const url = `${plain}${plain.includes('?') ? '&' : '?'}timeout=${seconds}s`;
  const road = (): WebhookRoad => services.locate(config);
  const headers = { 'user-agent': USER_AGENT };
  return postJson(services.environment, { ...post, origin, url, road, headers });
}

export interface JsonPost extends WebhookPost {
  /** Of the URL, for messages: `https://name.namespace.svc:443`. */
  readonly origin: string;
  /** Path and query. */
  readonly url: string;
  /** Throws where there is none. */
  road(): WebhookRoad;
  readonly headers?: Headers;
  /** More bytes in the answer are an error; 8 MiB unless given. */
  readonly answerMaxBytes?: number;
}

/** The answer as parsed JSON. Throws WebhookPostError. */
export async function postJson(environment: Environment, post: JsonPost): Promise<Json> {
  const { origin, url, timeoutMs } = post;
  const limit = timeoutSignal(environment, timeoutMs, post.signal);
  const { signal } = limit;
  const call: Call = { ...post, signal, shown: JSON.stringify(`${origin}${url}`) };
  try {
    const response = await answered(call);
    const bytes = await bodyOf(response, call);
    return decoded(response, bytes);
  } finally {
    limit.release();
  }
}

interface Call extends JsonPost {
  readonly shown: string;
  readonly signal: AbortSignal;
}

async function answered(call: Call): Promise<HttpResponse> {
  const { url, shown, signal, body, headers } = call;
  let address = '';
  const ask = async (): Promise<HttpResponse> => {
    const road = call.road();
    ({ address } = road);
    return road.handler({
      method: 'POST',
      url,
      headers: {
        // Whatever address is dialled.
        host: call.origin.replace(/^https?:\/\//, ''),
        'content-type': 'application/json',
        accept: 'application/json',
        ...road.headers,
        ...headers,
      },
      body: Buffer.from(JSON.stringify(body)),
      signal,
    });
  };
  try {
    return await untilAborted(signal, ask());
  } catch (error) {
    const text = isDialError(error) ? dialError(error, address) : abortText(error, signal);
    throw new WebhookPostError(`Post ${shown}: ${text}`, {
      isCanceled: isCanceled(signal),
      cause: signal.aborted ? signal.reason : error,
    });
  }
}

async function bodyOf(
  response: HttpResponse,
  { signal, answerMaxBytes = ANSWER_MAX_BYTES }: Call,
): Promise<Uint8Array> {
  try {
    return await untilAborted(signal, readBody(response.body, answerMaxBytes));
  } catch (error) {
    throw new WebhookPostError(
      `unexpected error when reading response body. Please retry. Original error: ${abortText(error, signal)}`,
      { isCanceled: isCanceled(signal), cause: signal.aborted ? signal.reason : error },
    );
  }
}

/** As `work`, but not after the abort: not everybody who is asked listens to it. */
async function untilAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  // Nobody waits for it any more when it fails later.
  work.catch(() => {});
  const over = Promise.withResolvers<never>();
  const stop = (): void => over.reject(signal.reason);
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop);
  try {
    return await Promise.race([work, over.promise]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function isCanceled({ aborted, reason }: AbortSignal): boolean {
  return aborted && !isTimeout(reason);
}

function isTimeout(reason: unknown): boolean {
  return reason instanceof DOMException && reason.name === 'TimeoutError';
}

/** As Go words the ends of a context. */
function abortText(error: unknown, { aborted, reason }: AbortSignal): string {
  if (!aborted) return messageOf(error);
  return isTimeout(reason) ? 'context deadline exceeded' : 'context canceled';
}

function decoded({ status, headers }: HttpResponse, bytes: Uint8Array): Json {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
  const type = headers['content-type'] ?? '';
  if (status < 200 || status > 206) {
    const hasRetryAfter = headers['retry-after'] !== undefined;
    const { code, message } = refused(status, type, text);
    throw new WebhookPostError(message, { code, isAnswer: true, hasRetryAfter });
  }
  if (text === '')
    throw new WebhookPostError(
      `0-length response with status code: ${status} and content type: ${type}`,
    );
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    const cause = jsonProblem(text) ?? messageOf(error);
    throw new WebhookPostError(`couldn't get version/kind; json parse error: ${cause}`);
  }
}

interface Refusal {
  readonly message: string;
  readonly code: number;
}

/** What a Status says comes before what its code says, where the code says nothing. */
function refused(code: number, type: string, text: string): Refusal {
  const isText = type === '' || type.startsWith('text/');
  const cut = Buffer.from(text).subarray(0, SHOWN_MAX_BYTES).toString();
  const shown = isText ? cut.trim() : 'unknown';
  return statusIn(text) ?? { message: codeText(code, shown), code };
}

function statusIn(text: string): Refusal | undefined {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
  if (!isJsonObject(value) || value['kind'] !== 'Status' || value['status'] !== 'Failure')
    return undefined;
  const { code, message = '' } = value;
  return {
    message: typeof message === 'string' ? message : '',
    code: typeof code === 'number' ? code : SERVICE_UNAVAILABLE,
  };
}

const TEXTS: Readonly<Record<number, string>> = {
  400: 'the server rejected our request for an unknown reason',
  401: 'the server has asked for the client to provide credentials',
  404: 'the server could not find the requested resource',
  405: 'the server does not allow this method on the requested resource',
  409: 'the server reported a conflict',
  422: 'the server rejected our request due to an error in our request',
  429: 'the server has received too many requests and has asked us to try again later',
  503: 'the server is currently unable to handle the request',
  504: 'the server was unable to return a response in the time allotted, but may still be processing the request',
};

function codeText(code: number, shown: string): string {
  if (code === 403 || code === 415) return shown;
  if (code === 406)
    return shown === '' || shown === 'unknown'
      ? 'the server was unable to respond with a content type that the client supports'
      : shown;
  const known = TEXTS[code];
  if (known !== undefined) return known;
  return code >= 500
    ? `an error on the server (${JSON.stringify(shown)}) has prevented the request from succeeding`
    : `the server responded with the status code ${code} but did not return more information`;
}
