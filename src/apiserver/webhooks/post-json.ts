/** A webhook is asked: JSON there, JSON back, in a time. */
import { type Environment, timeoutSignal } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import { dialError, isDialError } from '#base/http/dial-error.ts';
import { type Headers, type HttpResponse, readBody } from '#base/http/message.ts';
import type { WebhookRoad } from './locate.ts';

/** An answer that is no success. */
export class WebhookStatusError extends Error {
  readonly status: number;
  /** It says when to ask again. */
  readonly hasRetryAfter: boolean;
  constructor(status: number, text: string, hasRetryAfter: boolean) {
    super(`the server answered ${status}: ${text}`);
    this.status = status;
    this.hasRetryAfter = hasRetryAfter;
  }
}

export interface WebhookCall {
  readonly road: WebhookRoad;
  /** Behind the path of the road, with its question mark. */
  readonly query?: string;
  readonly headers?: Headers;
  readonly timeoutMs: number;
  /** More bytes in the answer are an error. */
  readonly answerMaxBytes?: number;
  /** Gives up with the request that this is for. */
  readonly signal?: AbortSignal | undefined;
}

const SHOWN_MAX = 1024;

/** The answer, parsed. Throws WebhookStatusError, or an error whose message says what went wrong. */
export async function postJson(
  environment: Environment,
  { road, query = '', headers = {}, timeoutMs, answerMaxBytes, signal }: WebhookCall,
  body: object,
): Promise<unknown> {
  const { handler, url, origin, address } = road;
  const path = `${url}${query}`;
  const limit = timeoutSignal(environment, timeoutMs, signal);
  try {
    const request = {
      method: 'POST',
      url: path,
      headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
      body: Buffer.from(JSON.stringify(body)),
      signal: limit.signal,
    };
    const response = await handler(request).catch((error: unknown): HttpResponse => {
      const text = isDialError(error) ? dialError(error, address) : messageOf(error);
      throw new Error(`Post ${JSON.stringify(`${origin}${path}`)}: ${text}`, { cause: error });
    });
    const text = Buffer.from(await readBody(response.body, answerMaxBytes)).toString();
    if (response.status >= 200 && response.status < 300) return JSON.parse(text);
    throw new WebhookStatusError(
      response.status,
      text.slice(0, SHOWN_MAX),
      response.headers['retry-after'] !== undefined,
    );
  } finally {
    limit.release();
  }
}
