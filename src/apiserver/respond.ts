/** Answers as bytes: objects, Status, text. */
import type { Body, HttpResponse } from '#base/http/message.ts';
import { encodeEnvelope, encodeProtobuf } from '#api/codec/protobuf.ts';
import { toYaml } from '#api/codec/yaml.ts';
import { typeByName } from '#api/schema/schema.ts';
import { CBOR_MEDIA, MEDIA_TYPES, negotiate, type Wanted } from './negotiate.ts';
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

/** Bytes that lie in pieces, and go out so. */
export function piecesResponse(
  contentType: string,
  { pieces, length }: { readonly pieces: readonly Uint8Array[]; readonly length: number },
): HttpResponse {
  return {
    status: 200,
    headers: { 'content-type': contentType, 'content-length': String(length) },
    body: { kind: 'pieces', pieces, length },
  };
}

export function textResponse(status: number, text: string): HttpResponse {
  return bytesResponse(status, 'text/plain; charset=utf-8', Buffer.from(text));
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

/** What of a request says in which form it takes an error. */
export interface ErrorRequest {
  readonly info: { readonly query: URLSearchParams };
  readonly cbor?: boolean;
  header(name: string): string;
}

const STATUS_SCHEMA = 'io.k8s.apimachinery.pkg.apis.meta.v1.Status';

function encodedStatus(status: Status, request: ErrorRequest | undefined): HttpResponse {
  const code = status.code ?? 500;
  if (request === undefined) return jsonResponse(code, status);
  const wanted = formOf(request);
  if (wanted === undefined)
    return bytesResponse(code, MEDIA_TYPES.json, Buffer.from(JSON.stringify(status, null, 2)));
  const media = wanted.cbor === true ? CBOR_MEDIA : MEDIA_TYPES[wanted.encoding];
  switch (wanted.encoding) {
    case 'json':
      return bytesResponse(code, media, jsonBytes(status, wanted.pretty));
    case 'yaml':
      return bytesResponse(code, media, Buffer.from(toYaml(status)));
    case 'protobuf': {
      const raw = encodeProtobuf(typeByName(STATUS_SCHEMA), status);
      return bytesResponse(code, media, encodeEnvelope('v1', 'Status', raw));
    }
  }
}

function formOf(request: ErrorRequest): Wanted | undefined {
  try {
    const options = {
      views: false,
      userAgent: request.header('user-agent'),
      cbor: request.cbor === true,
    };
    return negotiate(request.header('accept'), request.info.query, options);
  } catch {
    return undefined;
  }
}

/** A path that is none. */
export function pageNotFound(): HttpResponse {
  return withHeaders(textResponse(404, '404 page not found\n'), {
    'x-content-type-options': 'nosniff',
  });
}

/** Any error as its Status: what is no StatusError is a 500 whose cause is in the log alone. */
export function statusOf(error: unknown): Status {
  if (error instanceof StatusError) return error.status;
  return internalError(messageOf(error)).status;
}

/** In the form that the client asks for; where that cannot be, as indented JSON. */
export function errorResponse(error: unknown, request?: ErrorRequest): HttpResponse {
  const status = statusOf(error);
  const response = encodedStatus(status, request);
  const retryAfter = status.details?.retryAfterSeconds;
  return retryAfter === undefined
    ? response
    : withHeaders(response, { 'retry-after': String(retryAfter) });
}
