/**
 * An HTTP client as a `Handler`: keep-alive HTTP/1.1 over TLS, TCP or a unix socket, streams with
 * back-pressure, upgrades.
 */
import type { Agent as HttpAgent, ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { TlsClientOptions } from '#base/doors.ts';
import type {
  ByteSink,
  CertificateFault,
  Handler,
  Headers,
  HttpRequest,
  HttpResponse,
} from '#base/http/message.ts';
import { Agent as PlainAgent, request as plainRequest } from './node-http.ts';
import { StreamSink } from './stream-sink.ts';
import { guardedLookup } from './guarded-lookup.ts';
import { refusedFaults, shownFaults, watchCertificate } from './peer-certificate.ts';
import { serverNameOptions } from './tls-name.ts';

export interface HttpClientOptions {
  readonly host?: string;
  readonly port?: number;
  /** A unix socket instead of host and port. */
  readonly path?: string;
  /** Plain HTTP without it. */
  readonly tls?: TlsClientOptions;
  /** Added to each request, for example a bearer token that is renewed. */
  readonly headers?: () => Headers;
  /** Sockets at a time; more requests wait. */
  readonly socketsMax?: number;
  /** Takes answers of servers that do not keep to the letter of HTTP: lines without CR. */
  readonly lenient?: boolean;
  /** Of the addresses that a name stands for, which may be connected to; all unless given. */
  readonly allowsAddress?: (address: string) => boolean;
  /** Says in answers and errors what is out of date in the certificates of servers. */
  readonly noticesFaults?: boolean;
  /** How long a connection may take to stand; 10 s unless given. */
  readonly connectTimeoutMs?: number;
}

export interface HttpClient {
  /**
   * Rejects when no answer came, with the platform's error or the signal's reason. A stream in the
   * answer must be started, or its connection stays taken.
   */
  readonly handler: Handler;
  /**
   * A new certificate for connections to come; those that stand are used up to their end, or, with
   * `breaksOff`, broken off with what is under way on them.
   */
  setTls(tls: TlsClientOptions, options?: { readonly breaksOff?: boolean }): void;
  /** Breaks off what is under way. */
  close(): void;
}

const SOCKETS_MAX = 256;
const CONNECT_TIMEOUT_MS = 10_000;
const TCP_KEEP_ALIVE_MS = 30_000;

export function httpClient(options: HttpClientOptions): HttpClient {
  return new Client(options);
}

class Client implements HttpClient {
  readonly #options: HttpClientOptions;
  #tls: TlsClientOptions | undefined;
  #agent: HttpAgent | TlsAgent;

  constructor(options: HttpClientOptions) {
    this.#options = options;
    this.#tls = options.tls;
    this.#agent = this.#createAgent({ keepAlive: true });
  }

  readonly handler: Handler = async (message) => {
    try {
      return await this.#ask(message, this.#agent);
    } catch (error) {
      if (!isStale(error, message)) throw error;
      return this.#ask(message, this.#createAgent({ keepAlive: false }));
    }
  };

  setTls(tls: TlsClientOptions, { breaksOff = false } = {}): void {
    this.#tls = tls;
    const old = this.#agent;
    this.#agent = this.#createAgent({ keepAlive: true });
    if (breaksOff) old.destroy();
    else for (const socket of Object.values(old.freeSockets).flat()) socket?.destroy();
  }

  close(): void {
    this.#agent.destroy();
  }

  #createAgent({ keepAlive }: { keepAlive: boolean }): HttpAgent | TlsAgent {
    const maxSockets = this.#options.socketsMax ?? SOCKETS_MAX;
    const pool = { keepAlive, maxSockets, scheduling: 'lifo' as const };
    const tls = this.#tls;
    return tls === undefined
      ? new PlainAgent(pool)
      : new TlsAgent({ ...pool, ...tlsOptions(tls, this.#options.host) });
  }

  #ask(message: HttpRequest, agent: HttpAgent | TlsAgent): Promise<HttpResponse> {
    const isUpgrade = message.headers['upgrade'] !== undefined;
    // A connection that is upgraded never goes back to the pool, nor does it wait for a place.
    const used = isUpgrade ? this.#createAgent({ keepAlive: false }) : agent;
    const answered = new Promise<HttpResponse>((resolve, reject) => {
      const settings = this.#settings(message, used);
      const request = this.#tls === undefined ? plainRequest(settings) : tlsRequest(settings);
      request.on('error', (cause) => {
        const faults = refusedFaults(request.socket, cause);
        reject(new RequestError(cause, request.reusedSocket, faults));
      });
      request.on('socket', (socket) => this.#prepare(socket, request));
      request.on('response', (response) => {
        const certificateFaults = shownFaults(response.socket);
        const answer = responseOf(response, message.method);
        resolve(certificateFaults.length === 0 ? answer : { ...answer, certificateFaults });
      });
      request.on('upgrade', (response, socket, head) => {
        socket.on('error', () => socket.destroy());
        resolve({
          status: response.statusCode ?? 101,
          headers: headersOf(response),
          upgrade: (client, first) => join({ client, first, server: socket, head }),
        });
      });
      if (message.bodyStream === undefined) request.end(message.body);
      else message.bodyStream.start(new StreamSink(request));
    });
    return answered.catch((error: unknown) => {
      if (message.signal?.aborted === true) throw message.signal.reason;
      throw error;
    });
  }

  #settings(message: HttpRequest, agent: HttpAgent | TlsAgent): RequestOptions {
    const { path, host = '127.0.0.1', port = 443, headers, lenient = false } = this.#options;
    const { allowsAddress } = this.#options;
    const { body, bodyStream, signal } = message;
    const isUnmeasured =
      bodyStream !== undefined && message.headers['content-length'] === undefined;
    return {
      agent,
      method: message.method,
      insecureHTTPParser: lenient,
      path: message.url,
      headers: {
        ...linesOf({ ...message.headers, ...headers?.() }),
        ...(body === undefined ? {} : { 'content-length': body.length }),
        ...(isUnmeasured ? { 'transfer-encoding': 'chunked' } : {}),
      },
      ...(path === undefined ? { host, port } : { socketPath: path }),
      ...(allowsAddress === undefined ? {} : { lookup: guardedLookup(allowsAddress) }),
      ...(signal === undefined ? {} : { signal }),
    };
  }

  #prepare(socket: Socket, request: ClientRequest): void {
    if (!socket.connecting) return;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
    if (this.#options.noticesFaults === true && socket instanceof TLSSocket)
      watchCertificate(socket, this.#tls?.serverName ?? this.#options.host ?? '');
    const timeoutMs = this.#options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
    const timer = setTimeout(() => {
      const { path, host = '127.0.0.1', port = 443 } = this.#options;
      const target = path ?? `${host}:${port}`;
      request.destroy(new Error(`Cannot connect to ${target}: no answer within ${timeoutMs} ms`));
    }, timeoutMs);
    const done = (): void => clearTimeout(timer);
    socket.once(this.#tls === undefined ? 'connect' : 'secureConnect', done);
    socket.once('close', done);
  }
}

function tlsOptions(tls: TlsClientOptions, host = '127.0.0.1'): object {
  // Named here, or Node takes the name from the Host header, which a proxied client has set.
  const { ca, cert, key, serverName = host } = tls;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...serverNameOptions(serverName),
    rejectUnauthorized: tls.insecureSkipVerify !== true,
  };
}

/** Carries what is needed to tell a server that is down from a connection that had grown old. */
class RequestError extends Error {
  readonly code: string | undefined;
  readonly reusedSocket: boolean;
  readonly certificateFaults: readonly CertificateFault[];
  constructor(
    cause: NodeJS.ErrnoException,
    reusedSocket: boolean,
    certificateFaults: readonly CertificateFault[],
  ) {
    super(cause.message, { cause });
    this.name = 'RequestError';
    this.code = cause.code;
    this.reusedSocket = reusedSocket;
    this.certificateFaults = certificateFaults;
  }
}

const REPEATABLE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Whether the server closed a kept connection just as the request went out. It may then be asked
 * again on a fresh one, unless it could have acted on the request (RFC 9110, 9.2.2).
 */
function isStale(error: unknown, { method, signal, bodyStream }: HttpRequest): boolean {
  if (bodyStream !== undefined || signal?.aborted === true) return false;
  if (!(error instanceof RequestError) || !error.reusedSocket) return false;
  return (error.code === 'ECONNRESET' || error.code === 'EPIPE') && REPEATABLE.has(method);
}

interface Joint {
  readonly client: Duplex;
  /** What the client had already sent. */
  readonly first: Uint8Array;
  readonly server: Duplex;
  readonly head: Uint8Array;
}

/** Passes bytes both ways until either end closes. */
function join({ client, first, server, head }: Joint): void {
  if (head.length > 0) client.write(head);
  if (first.length > 0) server.write(first);
  client.pipe(server);
  server.pipe(client);
  client.on('error', () => server.destroy());
  client.on('close', () => server.destroy());
  server.on('close', () => client.destroy());
}

/** Several values of one header are sent as they are: each for itself. */
function linesOf(headers: Headers): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      value.includes('\n') ? value.split('\n') : value,
    ]),
  );
}

function headersOf(response: IncomingMessage): Headers {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(response.headers)) {
    if (value === undefined) continue;
    const between = name === 'set-cookie' ? '\n' : ', ';
    headers[name] = Array.isArray(value) ? value.join(between) : value;
  }
  return headers;
}

function responseOf(response: IncomingMessage, method: string): HttpResponse {
  const status = response.statusCode ?? 0;
  const head = { status, headers: headersOf(response) };
  const isEmpty =
    method === 'HEAD' || status === 204 || status === 304 || head.headers['content-length'] === '0';
  if (isEmpty) {
    response.resume();
    return head;
  }
  return { ...head, body: { kind: 'stream', start: (sink) => feed(response, sink) } };
}

function feed(response: IncomingMessage, sink: ByteSink): void {
  let over = false;
  const breakOff = (error: Error): void => {
    if (!over) sink.abort(error);
    over = true;
  };
  response.on('data', (chunk: Buffer) => {
    if (!sink.write(chunk)) response.pause();
  });
  sink.onDrain(() => response.resume());
  sink.onClose(() => {
    if (!over) response.destroy();
  });
  response.on('end', () => {
    over = true;
    sink.end();
  });
  response.on('error', breakOff);
  response.on('close', () =>
    breakOff(new Error('The connection was closed before the answer ended')),
  );
  // What ended before anyone listened tells it to nobody.
  if (response.destroyed)
    breakOff(new Error('The connection was closed before the answer was read'));
}
