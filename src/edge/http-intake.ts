/** What comes in: a request of node:http or node:http2 as an `HttpRequest` has it. */
import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import type { DetailedPeerCertificate, PeerCertificate, TLSSocket } from 'node:tls';
import type { ByteSink, Headers, HttpRequest, Peer } from '#base/http/message.ts';

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
  const authority = request.headers[':authority'];
  if (headers['host'] === undefined && typeof authority === 'string') headers['host'] = authority;
  return headers;
}

/** The whole body; undefined when the request announces none. Rejects when it breaks off. */
export function readRequestBody(
  request: HttpRequestIn,
  maxBytes: number,
): Promise<Uint8Array | 'too large' | undefined> {
  if (!announcesBody(request)) return Promise.resolve(undefined);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (result: Uint8Array | 'too large'): void => {
      request.off('data', onData);
      resolve(result);
    };
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > maxBytes) settle('too large');
      else chunks.push(chunk);
    };
    request.on('data', onData);
    request.on('end', () => {
      const [first] = chunks;
      settle(chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, size));
    });
    request.on('error', reject);
    request.on('close', () => reject(new Error('The request broke off')));
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

function announcesBody(request: HttpRequestIn): boolean {
  if ('stream' in request) return !request.stream.endAfterHeaders;
  const { headers } = request;
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
}

/** Reading a certificate costs more than a small request: once a connection is enough. */
const peers = new WeakMap<object, { peer: Peer; validToMs: number }>();

/** Who is at the other end. A certificate counts while it is verified and not expired. */
export function peerOf(request: HttpRequestIn): Peer {
  const socket = 'stream' in request ? request.stream.session?.socket : request.socket;
  if (socket === undefined) return {};
  const owner = 'stream' in request ? (request.stream.session ?? socket) : socket;
  let known = peers.get(owner);
  if (known === undefined) {
    known = readPeer(socket as Partial<TLSSocket>);
    peers.set(owner, known);
  }
  if (Date.now() <= known.validToMs) return known.peer;
  const { certificate: _, ...rest } = known.peer;
  return rest;
}

function readPeer(socket: Partial<TLSSocket>): { peer: Peer; validToMs: number } {
  const { remoteAddress } = socket;
  const peer: Peer = remoteAddress === undefined ? {} : { address: remoteAddress };
  const certificate = socket.authorized === true ? socket.getPeerCertificate?.(true) : undefined;
  if (certificate?.subject === undefined) return { peer, validToMs: Number.POSITIVE_INFINITY };
  return {
    peer: { ...peer, certificate: subjectOf(certificate) },
    validToMs: earliestExpiry(certificate),
  };
}

/** The attribute type that Kubernetes gives a user's UID in a certificate. */
const OID_UID = '1.3.6.1.4.1.57683.2';

function subjectOf({ subject }: PeerCertificate): NonNullable<Peer['certificate']> {
  const fields = subject as unknown as Readonly<Record<string, string | string[] | undefined>>;
  const [uid] = listOf(fields[OID_UID]);
  return {
    commonName: listOf(fields['CN']).at(-1) ?? '',
    organizations: listOf(fields['O']),
    ...(uid === undefined ? {} : { uid }),
  };
}

function listOf(value: string | string[] | undefined): string[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

/** A chain is good as long as all of it is. */
function earliestExpiry(leaf: DetailedPeerCertificate): number {
  const seen = new Set<DetailedPeerCertificate>();
  let earliest = Number.POSITIVE_INFINITY;
  for (
    let at: DetailedPeerCertificate | undefined = leaf;
    at !== undefined && !seen.has(at);
    at = at.issuerCertificate as DetailedPeerCertificate | undefined
  ) {
    seen.add(at);
    earliest = Math.min(earliest, Date.parse(at.valid_to));
  }
  return earliest;
}
