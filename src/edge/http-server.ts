/**
 * A `Handler` on a real socket: TLS, HTTP/1.1 and HTTP/2 by ALPN, upgrades, streams.
 *
 * What is bounded here: the body (413), the header block (431), and the time that a closing server
 * waits for requests under way.
 */
import { createServer as createPlainServer, type IncomingMessage, Server as HttpServer, type ServerResponse, STATUS_CODES } from 'node:http';
import { createServer as createHttp2Server, type Http2ServerRequest, type Http2ServerResponse, type ServerHttp2Session } from 'node:http2';
import { createServer as createNetServer, type AddressInfo, type Server as NetServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer, type PeerCertificate, type TLSSocket } from 'node:tls';
import type { Body, ByteSink, Handler, Headers, HttpRequest, HttpResponse, Peer } from '#base/http/message.ts';

export interface HttpServerOptions {
  readonly handler: Handler;
  readonly host?: string;
  /** 0: any free port. */
  readonly port?: number;
  /** A unix socket instead of a port. */
  readonly path?: string;
  /** PEM. Without it the server speaks plain HTTP/1.1 (tests, unix sockets). */
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa?: string };
  /** Largest body of a request; 3 MiB unless given, as etcd's limit makes it upstream. */
  readonly bodyMaxBytes?: number;
}

export interface RunningHttpServer {
  readonly port: number;
  /** Stops listening, then ends what is open after `graceMs`. */
  close(options?: { graceMs?: number }): Promise<void>;
  /** New certificates for connections to come. */
  setTls(tls: { cert: string; key: string; clientCa?: string }): void;
}

const BODY_MAX_BYTES = 3 * 1024 * 1024;
const HEADERS_MAX_BYTES = 1024 * 1024;
const KEEP_ALIVE_MS = 120_000;

type AnyRequest = IncomingMessage | Http2ServerRequest;
type AnyResponse = ServerResponse | Http2ServerResponse;

export async function serveHttp(options: HttpServerOptions): Promise<RunningHttpServer> {
  const connections = new Set<Socket>();
  const sessions = new Set<ServerHttp2Session>();
  const serve = (request: AnyRequest, response: AnyResponse): void => {
    // A request that broke off: nobody is there to be answered.
    answer(options, request, response).catch(() => request.destroy());
  };
  const http1 = createPlainServer({ maxHeaderSize: HEADERS_MAX_BYTES, keepAliveTimeout: KEEP_ALIVE_MS }, serve);
  http1.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    upgrade(options.handler, request, socket, head).catch(() => socket.destroy());
  });
  http1.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => refuse(error, socket));
  http1.requestTimeout = 0;
  const http2 = createHttp2Server({ maxHeaderListPairs: 2000, settings: { maxConcurrentStreams: 1000 } }, serve);
  http2.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
    session.on('error', () => session.destroy());
  });
  const listener = listenerFor(options, http1, http2);
  listener.on('connection', (socket: Socket) => {
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.setNoDelay(true);
  });
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject);
    const done = (): void => {
      listener.removeListener('error', reject);
      resolve();
    };
    if (options.path !== undefined) listener.listen(options.path, done);
    else listener.listen(options.port ?? 0, options.host ?? '127.0.0.1', done);
  });
  const address = listener.address() as AddressInfo | string | null;
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    close: (closing = {}) => closeAll({ listener, connections, sessions, graceMs: closing.graceMs ?? 0 }),
    setTls(tls) {
      if ('setSecureContext' in listener && typeof listener.setSecureContext === 'function') {
        listener.setSecureContext(secureOptions(tls));
      }
    },
  };
}

function secureOptions(tls: NonNullable<HttpServerOptions['tls']>): { cert: string; key: string; ca?: string } {
  return { cert: tls.cert, key: tls.key, ...(tls.clientCa === undefined ? {} : { ca: tls.clientCa }) };
}

/** The listener that decides by ALPN which protocol a connection speaks. */
function listenerFor(options: HttpServerOptions, http1: HttpServer, http2: ReturnType<typeof createHttp2Server>): NetServer {
  const { tls } = options;
  if (tls === undefined) return createNetServer((socket) => http1.emit('connection', socket));
  return createTlsServer(
    {
      ...secureOptions(tls),
      requestCert: tls.clientCa !== undefined,
      rejectUnauthorized: false,
      ALPNProtocols: ['h2', 'http/1.1'],
      minVersion: 'TLSv1.2',
    },
    (socket) => {
      socket.on('error', () => socket.destroy());
      if (socket.alpnProtocol === 'h2') http2.emit('connection', socket);
      else http1.emit('connection', socket);
    },
  );
}

async function closeAll(running: {
  listener: NetServer;
  connections: ReadonlySet<Socket>;
  sessions: ReadonlySet<ServerHttp2Session>;
  graceMs: number;
}): Promise<void> {
  const closed = new Promise<void>((resolve) => running.listener.close(() => resolve()));
  for (const session of running.sessions) session.close();
  const force = setTimeout(() => {
    for (const socket of running.connections) socket.destroy();
  }, running.graceMs);
  await closed;
  clearTimeout(force);
}

function refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request';
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
}

function headersOf(request: AnyRequest): Headers {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value === undefined || name.startsWith(':')) continue;
    headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  const authority = request.headers[':authority'];
  if (headers['host'] === undefined && typeof authority === 'string') headers['host'] = authority;
  return headers;
}

function peerOf(socket: Duplex | undefined): Peer {
  const tls = socket as Partial<TLSSocket> | undefined;
  const address = tls?.remoteAddress;
  const certificate = tls?.authorized === true ? tls.getPeerCertificate?.() : undefined;
  const subject = certificate?.subject as PeerCertificate['subject'] | undefined;
  if (subject === undefined) return address === undefined ? {} : { address };
  const organizations = subject.O as string | string[] | undefined;
  return {
    ...(address === undefined ? {} : { address }),
    certificate: {
      commonName: String(subject.CN),
      organizations: organizations === undefined ? [] : Array.isArray(organizations) ? organizations : [organizations],
    },
  };
}

async function answer(options: HttpServerOptions, request: AnyRequest, response: AnyResponse): Promise<void> {
  const limit = options.bodyMaxBytes ?? BODY_MAX_BYTES;
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  const body = await readRequest(request, limit);
  if (body === undefined) {
    const text = JSON.stringify({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: `Request entity too large: limit is ${limit}`,
      reason: 'RequestEntityTooLarge',
      code: 413,
    });
    send(response, { status: 413, headers: { 'content-type': 'application/json', connection: 'close' }, body: { kind: 'bytes', bytes: Buffer.from(text) } }, request.method === 'HEAD');
    return;
  }
  const message: HttpRequest = {
    method: request.method ?? 'GET',
    url: request.url ?? '/',
    headers: headersOf(request),
    peer: peerOf('stream' in request && request.stream.session !== undefined ? request.stream.session.socket : request.socket),
    signal: gone.signal,
    ...(body.length === 0 ? {} : { body }),
  };
  send(response, await options.handler(message), message.method === 'HEAD');
}

/** The whole body; undefined when it is larger than `limit`. */
async function readRequest(request: AnyRequest, limit: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

/** Headers that are of one HTTP/1.1 connection have no place in HTTP/2 (RFC 9113, 8.2.2). */
const CONNECTION_HEADERS = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'proxy-connection']);

function send(response: AnyResponse, message: HttpResponse, headOnly: boolean): void {
  const isHttp2 = 'stream' in response && response.req.httpVersionMajor === 2;
  for (const [name, value] of Object.entries(message.headers)) {
    if (!isHttp2 || !CONNECTION_HEADERS.has(name)) response.setHeader(name, value);
  }
  response.statusCode = message.status;
  if (message.body === undefined || headOnly) {
    response.end();
    return;
  }
  sendBody(response, message.body);
}

function sendBody(response: AnyResponse, body: Body): void {
  // Both kinds of response are writable streams; TypeScript cannot see it through the union.
  const out = response as unknown as NodeJS.WritableStream & { destroy(error?: Error): void; flushHeaders(): void; cork?(): void; uncork?(): void };
  switch (body.kind) {
    case 'bytes':
      response.setHeader('content-length', body.bytes.length);
      out.end(body.bytes);
      return;
    case 'pieces':
      response.setHeader('content-length', body.length);
      sendPieces(out, body.pieces);
      return;
    case 'stream':
      out.flushHeaders();
      body.start(sinkOf(out));
  }
}

/** About this much is handed to the socket in one piece. */
const CHUNK_BYTES = 256 * 1024;

function sendPieces(out: NodeJS.WritableStream & { on(event: string, listener: () => void): unknown }, pieces: readonly Uint8Array[]): void {
  let next = 0;
  let gone = false;
  out.on('close', () => {
    gone = true;
  });
  const more = (): void => {
    while (!gone && next < pieces.length) {
      const chunk: Uint8Array[] = [];
      for (let size = 0; next < pieces.length && size < CHUNK_BYTES; next++) {
        const piece = pieces[next];
        if (piece === undefined) continue;
        chunk.push(piece);
        size += piece.length;
      }
      if (!out.write(Buffer.concat(chunk))) {
        out.once('drain', more);
        return;
      }
    }
    if (!gone) out.end();
  };
  more();
}

function sinkOf(out: NodeJS.WritableStream & { destroy(error?: Error): void }): ByteSink {
  return {
    write: (bytes) => out.write(bytes),
    end: () => {
      out.end();
    },
    abort: (reason) => out.destroy(reason),
    onDrain: (callback) => {
      out.on('drain', callback);
    },
    onClose: (callback) => {
      out.on('close', callback);
    },
  };
}

async function upgrade(handler: Handler, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
  const gone = new AbortController();
  socket.on('close', () => gone.abort());
  socket.on('error', () => socket.destroy());
  const response = await handler({
    method: request.method ?? 'GET',
    url: request.url ?? '/',
    headers: headersOf(request),
    peer: peerOf(socket),
    signal: gone.signal,
  });
  const reason = STATUS_CODES[response.status] ?? '';
  const lines = Object.entries(response.headers).map(([name, value]) => `${name}: ${value}`);
  if (response.status === 101 && response.upgrade !== undefined) {
    socket.write(`HTTP/1.1 101 ${reason}\r\n${lines.join('\r\n')}\r\n\r\n`);
    response.upgrade(socket, head);
    return;
  }
  const bytes = response.body?.kind === 'bytes' ? response.body.bytes : new Uint8Array(0);
  const own = lines.filter((line) => !/^(content-length|connection):/i.test(line));
  socket.write(`HTTP/1.1 ${response.status} ${reason}\r\n${[...own, `content-length: ${bytes.length}`, 'connection: close'].join('\r\n')}\r\n\r\n`);
  socket.end(bytes);
}
