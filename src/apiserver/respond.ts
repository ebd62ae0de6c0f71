/** Answers as bytes: objects, Status, text. */
import type { Body, HttpResponse } from '#base/http/message.ts';
import { type Status, StatusError, internalError } from '#api/meta/status.ts';
import { messageOf } from '#base/error.ts';

export function jsonBytes(value: unknown, pretty = false): Uint8Array {
  return Buffer.from(pretty ? `${JSON.stringify(value, null, 2)}\n` : `${JSON.stringify(value)}\n`);
}

export function jsonResponse(status: number, value: unknown, pretty = false): HttpResponse {
  return bytesResponse(status, 'application/json', jsonBytes(value, pretty));
}

export function bytesResponse(
  status: number,
  contentType: string,
  bytes: Uint8Array,
): HttpResponse {
  return {
    status,
    headers: { 'content-type': contentType, 'content-length': String(bytes.length) },
    body: { kind: 'bytes', bytes },
  };
}

export function textResponse(status: number, text: string): HttpResponse {
  return {
    ...bytesResponse(status, 'text/plain; charset=utf-8', Buffer.from(text)),
  };
}

export function withHeaders(
  response: HttpResponse,
  headers: Readonly<Record<string, string>>,
): HttpResponse {
  return { ...response, headers: { ...response.headers, ...headers } };
}

export function bodyResponse(status: number, contentType: string, body: Body): HttpResponse {
  return { status, headers: { 'content-type': contentType }, body };
}

/** Any error as its Status: what is no StatusError is a 500 whose cause is in the log alone. */
export function statusOf(error: unknown): Status {
  if (error instanceof StatusError) return error.status;
  return internalError(messageOf(error)).status;
}

export function errorResponse(error: unknown): HttpResponse {
  const status = statusOf(error);
  const response = jsonResponse(status.code ?? 500, status);
  const retryAfter = status.details?.retryAfterSeconds;
  return retryAfter === undefined
    ? response
    : withHeaders(response, { 'retry-after': String(retryAfter) });
}
