/** What comes in: a request of node:http or node:http2 as an `HttpRequest` has it. */
import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import type { ByteSink, Headers, HttpRequest } from '#base/http/message.ts';
import type { SlowClients } from './slow-clients.ts';

export type HttpRequestIn = IncomingMessage | Http2ServerRequest;

export function requestHead(
  request: HttpRequestIn,
): Pick<HttpRequest, 'method' | 'url' | 'headers'> {
  return {
    method: request.method ?? 'GET',
    url: originForm(request.url ?? '/'),
    headers: headersOf(request),
  };
}

/** A client may send the whole URL (RFC 9112, 3.2.2); a handler wants path and query. */
function originForm(url: string): string {
  if (url.startsWith('/') || !URL.canParse(url)) return url;
  const { pathname, search } = new URL(url);
  return pathname + search;
}

function headersOf(request: HttpRequestIn): Headers {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value === undefined || name.startsWith(':')) continue;
    headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  if (Object.keys(headers).some((name) => NAMING.test(name))) splitNames(headers, request);
  const authority = request.headers[':authority'];
  if (headers['host'] === undefined && typeof authority === 'string') headers['host'] = authority;
  return headers;
}

/** Headers that name a user, whose groups may have commas in their names. */
const NAMING = /^(?:x-remote-|impersonate-)/;

function splitNames(headers: Record<string, string>, { rawHeaders }: HttpRequestIn): void {
  const values = new Map<string, string[]>();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? '').toLowerCase();
    if (!NAMING.test(name)) continue;
    values.set(name, [...(values.get(name) ?? []), rawHeaders[at + 1] ?? '']);
  }
  for (const [name, list] of values) headers[name] = list.join('\n');
}

/**
 * The whole body; undefined when the request announces none. Rejects when it breaks off, or is
 * broken off because it is slow.
 */
export function readRequestBody(
  request: HttpRequestIn,
  maxBytes: number,
  slow: Pick<SlowClients, 'grows' | 'ends'>,
): Promise<Uint8Array | 'too large' | undefined> {
  if (!announcesBody(request)) return Promise.resolve(undefined);
  // A request of node:http2 does not end its stream.
  const body = 'stream' in request ? request.stream : request;
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (result: Uint8Array | 'too large'): void => {
      request.off('data', onData);
      slow.ends(body);
      resolve(result);
    };
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > maxBytes) return settle('too large');
      chunks.push(chunk);
      slow.grows(body, chunk.length);
    };
    slow.grows(body, 0);
    request.on('data', onData);
    request.on('end', () => {
      const [first] = chunks;
      settle(chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, size));
    });
    request.on('error', reject);
    request.on('close', () => {
      slow.ends(body);
      reject(new Error('The request broke off'));
    });
  });
}

/** The body as it comes; undefined when the request announces none. */
export function requestBodyStream(request: HttpRequestIn): HttpRequest['bodyStream'] {
  return announcesBody(request) ? { start: (sink) => feed(request, sink) } : undefined;
}

function feed(request: HttpRequestIn, sink: ByteSink): void {
  let over = false;
  request.on('data', (chunk: Buffer) => {
    if (!over && !sink.write(chunk)) request.pause();
  });
  sink.onDrain(() => request.resume());
  // Who takes no more lets the rest go by unread.
  sink.onClose(() => {
    over = true;
    request.resume();
  });
  request.on('end', () => {
    if (!over) sink.end();
    over = true;
  });
  const breakOff = (): void => {
    if (!over) sink.abort(new Error('The request broke off'));
    over = true;
  };
  request.on('error', breakOff);
  request.on('close', breakOff);
  if (request.destroyed) breakOff();
}

export function announcesBody(request: HttpRequestIn): boolean {
  if ('stream' in request) return !request.stream.endAfterHeaders;
  const { headers } = request;
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
}
