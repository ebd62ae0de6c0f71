/**
 * One request passed on to a backend, and its answer passed back: bodies stream both ways, upgraded
 * connections are joined, redirects are handed to the client and never followed.
 *
 * Source: upstream apimachinery/pkg/util/proxy (upgradeaware.go, transport.go).
 */
import type { Body, Handler, HttpRequest, HttpResponse } from '#base/http/message.ts';
import { messageOf } from '#base/error.ts';
import { internalError, serviceUnavailable, StatusError } from '#api/meta/status.ts';
import { isUpgrade, requestHeaders, responseHeaders } from './headers.ts';
import { escapePath, joinPaths } from './path.ts';
import { rewrittenBody } from './rewrite-body.ts';
import { type RewriteRules, rewriteUrl } from './rewrite-url.ts';

export interface ForwardTarget {
  readonly handler: Handler;
  /** Decoded path on the backend; empty for none. */
  readonly path: string;
  /** With its `?`, or empty. */
  readonly query: string;
  readonly rules: RewriteRules;
  /** Sent besides the client's, or instead of them. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Answers as the backend does, with its URLs leading through the proxy. */
export async function forward(request: HttpRequest, target: ForwardTarget): Promise<HttpResponse> {
  const { rules, path, query } = target;
  const upgrade = isUpgrade(request.headers);
  const url = `${escapePath(path === '' ? '/' : path)}${query}`;
  const headers = {
    ...requestHeaders(request.headers, request.peer?.address),
    ...target.headers,
  };
  const forwarded = upgrade
    ? headers
    : { ...headers, 'x-forwarded-uri': escapePath(joinPaths(rules.prefix, path)) };
  const response = await answerOf(target.handler, passedOn(request, url, forwarded), upgrade);
  if (upgrade) return upgraded(response);
  return rewritten(response, rules);
}

/** The request as the backend gets it: nothing of it says who asks. */
function passedOn(request: HttpRequest, url: string, headers: Record<string, string>): HttpRequest {
  const { method, body, bodyStream, signal } = request;
  return {
    method,
    url,
    headers,
    ...(body === undefined ? {} : { body }),
    ...(bodyStream === undefined ? {} : { bodyStream }),
    ...(signal === undefined ? {} : { signal }),
  };
}

async function answerOf(
  handler: Handler,
  request: HttpRequest,
  upgrade: boolean,
): Promise<HttpResponse> {
  try {
    return await handler(request);
  } catch (error) {
    if (error instanceof StatusError) throw error;
    const cause = messageOf(error);
    if (upgrade) throw new StatusError({ code: 500, message: `error dialing backend: ${cause}` });
    throw serviceUnavailable(`error trying to reach service: ${cause}`);
  }
}

/** A backend that does not upgrade may refuse; anything else it says makes no sense. */
function upgraded(response: HttpResponse): HttpResponse {
  const { status, headers, upgrade, body } = response;
  if (status === 101 && upgrade !== undefined) return { status, headers, upgrade };
  if (status < 400) {
    discard(body);
    throw new StatusError({
      code: 500,
      message: `invalid upgrade response: status code ${status}`,
    });
  }
  return { status, headers: responseHeaders(headers), ...(body === undefined ? {} : { body }) };
}

function rewritten(response: HttpResponse, rules: RewriteRules): HttpResponse {
  const { status, body } = response;
  const headers = responseHeaders(response.headers);
  const whole = { status, headers, ...(body === undefined ? {} : { body }) };
  const location = headers['location'] ?? '';
  if (location !== '') {
    const url = rewriteUrl(location, rules);
    if (url === undefined) {
      discard(body);
      throw internalError(`error trying to parse Location header: ${JSON.stringify(location)}`);
    }
    return { ...whole, headers: { ...headers, location: url } };
  }
  const [type = ''] = (headers['content-type'] ?? '').split(';');
  if (type.trim() !== 'text/html' || body === undefined) return whole;
  const page = rewrittenBody(body, headers['content-encoding'] ?? '', (url) =>
    rewriteUrl(url, rules),
  );
  if (page === undefined) return whole;
  const { 'content-length': _, ...others } = headers;
  return { status, headers: others, body: page };
}

/** A stream that nobody wants is broken off, so that its connection is free. */
export function discard(body: Body | undefined): void {
  if (body?.kind !== 'stream') return;
  body.start({
    write: () => false,
    end: () => {},
    abort: () => {},
    onDrain: () => {},
    onClose: (callback) => callback(),
  });
}
