/**
 * A `Handler` on a real socket: TLS, HTTP/1.1 and HTTP/2 by ALPN, upgrades, streams.
 *
 *   listener (TLS or plain) ─ ALPN ─▶ node:http or node:http2 ─▶ Handler ─▶ http-reply.ts
 *
 * What is bounded here: the body (413), the header block (431), the time to send a header or a
 * whole request and to take an answer, the bodies that are coming together, the streams of a
 * connection and how often they are reset, and the time that a closing server waits.
 */
import { constants } from 'node:crypto';
import type { IncomingMessage, ServerResponse as HttpServerResponse } from 'node:http';
import { createServer as createHttp2Server, type ServerHttp2Session } from 'node:http2';
import {
  type AddressInfo,
  createServer as createNetServer,
  type Server as NetServer,
  type Socket,
} from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import type { Logger } from '#base/env.ts';
import type { Handler, HttpRequest, HttpResponse } from '#base/http/message.ts';
import {
  announcesBody,
  type HttpRequestIn,
  readRequestBody,
  requestBodyStream,
  requestHead,
} from './http-intake.ts';
import { type Authorities, authoritiesOf, peerOf } from './http-peer.ts';
import { closeWhenIdle } from './idle-sessions.ts';
import { createServer as createHttpServer, ServerResponse } from './node-http.ts';
import { SlowClients } from './slow-clients.ts';
import { type HttpResponseOut, refuseBody, reply, writeUpgradeHead } from './http-reply.ts';

export interface ServerTls {
  /** PEM, the chain included. */
  readonly cert: string;
  readonly key: string;
  /** Clients may show a certificate of this authority; without one they are anonymous. */
  readonly clientCa?: string;
  /** Whose certificates say that a front proxy is speaking, for others: no user's. */
  readonly frontProxyCa?: string;
  /** The oldest version that is spoken; 1.2 unless given. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** OpenSSL's names, with colons between; those of Node.js unless given. */
  readonly ciphers?: string;
}

export interface HttpServerOptions {
  readonly handler: Handler;
  readonly host?: string;
  /** 0: any free port. */
  readonly port?: number;
  /** A unix socket instead of a port. */
  readonly path?: string;
  /** Without it the server speaks plain HTTP/1.1 (tests, unix sockets). */
  readonly tls?: ServerTls;
  /** Largest body of a request in bytes, for all or by request; 3 MiB unless given. */
  readonly bodyMaxBytes?: number | ((request: Pick<HttpRequest, 'method' | 'url'>) => number);
  /** Requests whose bodies the handler gets as they come, of any size. None unless given. */
  readonly streamsBody?: (request: Pick<HttpRequest, 'method' | 'url'>) => boolean;
  /** How long a client may take to send a header; 30 s unless given. */
  readonly headersTimeoutMs?: number;
  /** How long a connection may stand without a request; 2 minutes unless given. */
  readonly idleTimeoutMs?: number;
  /** How long a client may take to send a whole request; 2 minutes unless given. */
  readonly requestTimeoutMs?: number;
  /** How long a client may take nothing of an answer that waits for it; 1 minute unless given. */
  readonly readTimeoutMs?: number;
  /** What all bodies that are still coming may hold together; 256 MiB unless given. */
  readonly bodiesMaxBytes?: number;
  /**
   * How likely a request over HTTP/2 makes its connection be closed when what is under way on it has
   * ended, so that clients spread over servers; 0 unless given.
   */
  readonly goawayChance?: number;
  readonly log?: Logger;
}

export interface RunningHttpServer {
  readonly port: number;
  /**
   * Takes no more connections, lets requests under way finish for `graceMs`, then breaks them off.
   * Idle connections end at once. Resolves when all are gone.
   */
  close(options?: { graceMs?: number }): Promise<void>;
  /** New certificates for connections to come. */
  setTls(tls: ServerTls): void;
}

/** Upstream's limit, which is twice what etcd takes. */
const BODY_MAX_BYTES = 3 * 1024 * 1024;
const BODIES_MAX_BYTES = 256 * 1024 * 1024;
const HEADERS_MAX_BYTES = 1024 * 1024;
/** In one block, over either protocol (431). */
const HEADERS_MAX = 2000;
const HEADERS_TIMEOUT_MS = 30_000;
/** For a whole request: 3 MiB over a poor line. */
const REQUEST_TIMEOUT_MS = 120_000;
const READ_TIMEOUT_MS = 60_000;
const IDLE_TIMEOUT_MS = 120_000;
const TCP_KEEP_ALIVE_MS = 30_000;
/** Upstream's, which is what its clients reckon with. */
const HTTP2_STREAMS_MAX = 100;
/** Streams that a client may reset: so many at once, and so many a second (CVE-2023-44487). */
const HTTP2_RESETS = { streamResetBurst: 1000, streamResetRate: 33 };
/** Settings in one frame; frames out of place, and streams that were refused, of one connection. */
const HTTP2_REFUSALS = {
  maxSettings: 32,
  maxSessionInvalidFrames: 1000,
  maxSessionRejectedStreams: 100,
};
/** Flow control: a request body is taken without a stall up to here. */
const HTTP2_STREAM_WINDOW_BYTES = 256 * 1024;
const HTTP2_SESSION_WINDOW_BYTES = 4 * 1024 * 1024;
/** MiB that one HTTP/2 connection may hold in the library, streams with slow readers included. */
const HTTP2_SESSION_MEMORY_MB = 64;

/** Resolves when the server listens; rejects with the platform's error (EADDRINUSE). */
export async function serveHttp(options: HttpServerOptions): Promise<RunningHttpServer> {
  const server = new Server(options);
  await server.listen();
  return server;
}

class Server implements RunningHttpServer {
  readonly #options: HttpServerOptions;
  readonly #http1;
  readonly #http2;
  readonly #listener: NetServer;
  readonly #connections = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #slow: SlowClients;
  /** The connection that becomes a session now. */
  #accepted: Socket | undefined;
  #setSecureContext: ((tls: ServerTls) => void) | undefined;
  #authorities: Authorities | undefined;
  #closing: Promise<void> | undefined;
  port = 0;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#slow = new SlowClients({
      monotonicMs: () => performance.now(),
      readMs: options.readTimeoutMs ?? READ_TIMEOUT_MS,
      bodyMs: options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
      bodiesMaxBytes: options.bodiesMaxBytes ?? BODIES_MAX_BYTES,
    });
    this.#http1 = this.#createHttp1();
    this.#http2 = this.#createHttp2();
    this.#listener = this.#createListener();
    this.#listener.on('connection', (socket: Socket) => {
      this.#connections.add(socket);
      socket.on('close', () => this.#connections.delete(socket));
      socket.on('error', () => socket.destroy());
      socket.setNoDelay(true);
      socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
    });
  }

  async listen(): Promise<void> {
    const { path, port = 0, host = '127.0.0.1' } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#listener.once('error', reject);
      const done = (): void => {
        this.#listener.removeListener('error', reject);
        resolve();
      };
      if (path !== undefined) this.#listener.listen(path, done);
      else this.#listener.listen(port, host, done);
    });
    const address = this.#listener.address() as AddressInfo | string | null;
    if (typeof address === 'object' && address !== null) this.port = address.port;
    // It never listens itself, but this is what starts its watch over slow and idle connections.
    this.#http1.emit('listening');
    this.#slow.start();
  }

  setTls(tls: ServerTls): void {
    this.#authorities = authoritiesOf(tls);
    this.#setSecureContext?.(tls);
  }

  close({ graceMs = 0 }: { graceMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(graceMs);
    return this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#listener.close(() => resolve()));
    // Ends idle connections, though it was never listening.
    this.#http1.close(() => {});
    for (const session of this.#sessions) session.close();
    const force = setTimeout(() => {
      for (const socket of this.#connections) socket.destroy();
    }, graceMs);
    await closed;
    clearTimeout(force);
    this.#slow.stop();
  }

  #createHttp1() {
    const http1 = createHttpServer({
      maxHeaderSize: HEADERS_MAX_BYTES,
      keepAliveTimeout: this.#options.idleTimeoutMs ?? IDLE_TIMEOUT_MS,
      headersTimeout: this.#options.headersTimeoutMs ?? HEADERS_TIMEOUT_MS,
      requestTimeout: this.#options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: (this.#options.headersTimeoutMs ?? HEADERS_TIMEOUT_MS) / 2,
      // An offer of HTTP/2 without TLS is not taken up: the request is answered as it is.
      shouldUpgradeCallback: ({ headers }) => !/^h2c?\b/i.test(headers.upgrade ?? ''),
    });
    http1.maxHeadersCount = HEADERS_MAX;
    const serve = (request: IncomingMessage, response: HttpServerResponse): void =>
      this.#serve(request, response);
    http1.on('request', serve);
    http1.on('checkContinue', (request: IncomingMessage, response: HttpServerResponse) => {
      if (!this.#isTooLong(request)) response.writeContinue();
      serve(request, response);
    });
    http1.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.#upgrade(request, socket, head).catch(() => socket.destroy());
    });
    http1.on('clientError', refuse);
    return http1;
  }

  #createHttp2() {
    const http2 = createHttp2Server({
      maxSessionMemory: HTTP2_SESSION_MEMORY_MB,
      maxHeaderListPairs: HEADERS_MAX,
      ...HTTP2_RESETS,
      ...HTTP2_REFUSALS,
      settings: {
        maxConcurrentStreams: HTTP2_STREAMS_MAX,
        maxHeaderListSize: HEADERS_MAX_BYTES,
        initialWindowSize: HTTP2_STREAM_WINDOW_BYTES,
      },
    });
    http2.on('session', (session) => {
      this.#sessions.add(session);
      session.setLocalWindowSize(HTTP2_SESSION_WINDOW_BYTES);
      const idleMs = this.#options.idleTimeoutMs ?? IDLE_TIMEOUT_MS;
      closeWhenIdle(session, { socket: this.#accepted, idleMs });
      session.on('close', () => this.#sessions.delete(session));
      session.on('error', () => session.destroy());
    });
    http2.on('sessionError', () => {});
    http2.on('request', (request, response) => this.#serve(request, response));
    http2.on('checkContinue', (request, response) => {
      if (!this.#isTooLong(request)) response.writeContinue();
      this.#serve(request, response);
    });
    return http2;
  }

  /** The listener that decides by ALPN which protocol a connection speaks. */
  #createListener(): NetServer {
    const { tls } = this.#options;
    if (tls === undefined)
      return createNetServer((socket) => this.#http1.emit('connection', socket));
    this.#authorities = authoritiesOf(tls);
    const listener = createTlsServer(
      {
        ...secureContext(tls),
        requestCert: tls.clientCa !== undefined || tls.frontProxyCa !== undefined,
        // A certificate that does not verify is no certificate: see `peerOf`.
        rejectUnauthorized: false,
        ALPNProtocols: ['h2', 'http/1.1'],
        handshakeTimeout: this.#options.headersTimeoutMs ?? HEADERS_TIMEOUT_MS,
      },
      (socket) => {
        socket.on('error', () => socket.destroy());
        this.#accepted = socket;
        if (socket.alpnProtocol === 'h2') this.#http2.emit('connection', socket);
        else this.#http1.emit('connection', socket);
      },
    );
    listener.on('tlsClientError', (_error, socket) => socket.destroy());
    this.#setSecureContext = (next) => listener.setSecureContext(secureContext(next));
    return listener;
  }

  #bodyMaxBytes(head: Pick<HttpRequest, 'method' | 'url'>): number {
    const limit = this.#options.bodyMaxBytes ?? BODY_MAX_BYTES;
    return typeof limit === 'number' ? limit : limit(head);
  }

  #streamsBody(request: HttpRequestIn, head: Pick<HttpRequest, 'method' | 'url'>): boolean {
    return announcesBody(request) && (this.#options.streamsBody?.(head) ?? false);
  }

  #isTooLong(request: HttpRequestIn): boolean {
    const head = requestHead(request);
    const announced = Number(request.headers['content-length'] ?? 0);
    return announced > this.#bodyMaxBytes(head) && !this.#streamsBody(request, head);
  }

  #serve(request: HttpRequestIn, response: HttpResponseOut): void {
    response.on('error', () => {});
    response.on('close', () => this.#slow.forget(response));
    this.#answer(request, response).catch((error: unknown) => {
      // The client went away while it sent its request, or (a bug) the handler rejected.
      const gone = request.destroyed && !request.complete;
      if (!gone) this.#options.log?.error('Cannot answer a request', { error: String(error) });
      response.destroy();
    });
  }

  async #answer(request: HttpRequestIn, response: HttpResponseOut): Promise<void> {
    const reader = this.#slow.reader(response);
    const head = requestHead(request);
    const limit = this.#bodyMaxBytes(head);
    const bodyStream = this.#streamsBody(request, head) ? requestBodyStream(request) : undefined;
    const body =
      bodyStream !== undefined
        ? undefined
        : this.#isTooLong(request)
          ? 'too large'
          : await readRequestBody(request, limit, this.#slow);
    if (body === 'too large') {
      refuseBody(request, response, limit);
      reader.owes(0);
      return;
    }
    const message: HttpRequest = {
      ...head,
      peer: peerOf(request, this.#authorities),
      signal: goneSignal(response),
      ...(body === undefined || body.length === 0 ? {} : { body }),
      ...(bodyStream === undefined ? {} : { bodyStream }),
    };
    const answer = await this.#options.handler(message);
    if (this.#closing !== undefined && request.httpVersionMajor === 1) {
      response.setHeader('connection', 'close');
    }
    reply(response, answer, { headOnly: message.method === 'HEAD', reader });
    this.#mayGoAway(request, answer);
  }

  /** Upstream: staging/src/k8s.io/apiserver/pkg/server/filters/goaway.go. */
  #mayGoAway(request: HttpRequestIn, { headers }: HttpResponse): void {
    const { goawayChance = 0 } = this.#options;
    const isLast = headers['connection'] === 'close';
    if ('stream' in request && (isLast || (goawayChance > 0 && Math.random() < goawayChance)))
      request.stream.session?.close();
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy());
    const signal = goneSignal(socket);
    const peer = peerOf(request, this.#authorities);
    const message = { ...requestHead(request), peer, signal };
    const answer = await this.#options.handler(message);
    if (answer.status === 101 && answer.upgrade !== undefined) {
      writeUpgradeHead(socket, answer);
      answer.upgrade(socket, head);
      return;
    }
    // Refused: an ordinary answer, and the last one on this connection.
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket as Socket);
    response.on('finish', () => socket.end());
    response.on('close', () => this.#slow.forget(response));
    const reader = this.#slow.reader(response);
    reply(response, answer, { headOnly: message.method === 'HEAD', reader });
  }
}

function secureContext(tls: ServerTls): TlsOptions {
  const { cert, key, clientCa, frontProxyCa, minVersion = 'TLSv1.2', ciphers } = tls;
  const authorities = [clientCa, frontProxyCa].filter((pem) => pem !== undefined);
  return {
    cert,
    key,
    ...(authorities.length === 0 ? {} : { ca: authorities }),
    minVersion,
    ...(ciphers === undefined ? {} : { ciphers }),
    // Each connection shows its certificate anew: a resumed one would carry yesterday's verdict.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

/** One reason for all, because making an error is the dearest part of an abort. */
const CLIENT_GONE = new DOMException('The client has gone away', 'AbortError');

/** Aborted when `stream` closes before its end was written. */
function goneSignal(stream: Pick<Duplex, 'writableEnded'> & NodeJS.EventEmitter): AbortSignal {
  const gone = new AbortController();
  stream.on('close', () => {
    if (!stream.writableEnded) gone.abort(CLIENT_GONE);
  });
  return gone.signal;
}

/** Connections that were told why they end. */
const refused = new WeakSet<Duplex>();
/** So long may a client go on sending before it must have read that. */
const REFUSED_MS = 2000;

/** Answers what is no HTTP/1.1 request, as far as there is anyone to answer. */
function refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (refused.has(socket)) return;
  refused.add(socket);
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  socket.end(`HTTP/1.1 ${refusalOf(error)}\r\nConnection: close\r\n\r\n`);
  // Closing with bytes unread would reset the connection, and the answer be lost with it.
  const timer = setTimeout(() => socket.destroy(), REFUSED_MS);
  socket.on('end', () => socket.destroy());
  socket.on('close', () => clearTimeout(timer));
}

function refusalOf({ code }: NodeJS.ErrnoException): string {
  if (code === 'HPE_HEADER_OVERFLOW') return '431 Request Header Fields Too Large';
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' ? '408 Request Timeout' : '400 Bad Request';
}
