/**
 * An HTTPS client as a `Handler`: keep-alive HTTP/1.1, streams with back-pressure, upgrades.
 */
import { Agent as PlainAgent, type IncomingMessage, request as plainRequest, type RequestOptions } from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import type { ByteSink, Handler, Headers, HttpRequest, HttpResponse } from '#base/http/message.ts';
import type { TlsClientOptions } from '#base/doors.ts';

export interface HttpClientOptions {
  readonly host?: string;
  readonly port?: number;
  /** A unix socket instead of host and port. */
  readonly path?: string;
  /** Plain HTTP without it. */
  readonly tls?: TlsClientOptions;
  /** Added to each request, for example a bearer token that is renewed. */
  headers?(): Headers;
  /** Sockets at a time; more requests wait. */
  readonly socketsMax?: number;
}

const SOCKETS_MAX = 256;

export interface HttpClient {
  readonly handler: Handler;
  close(): void;
}

export function httpClient(options: HttpClientOptions): HttpClient {
  const pool = { keepAlive: true, maxSockets: options.socketsMax ?? SOCKETS_MAX, scheduling: 'lifo' as const };
  const { tls } = options;
  const agent =
    tls === undefined
      ? new PlainAgent(pool)
      : new TlsAgent({
          ...pool,
          ...(tls.ca === undefined ? {} : { ca: tls.ca }),
          ...(tls.cert === undefined ? {} : { cert: tls.cert }),
          ...(tls.key === undefined ? {} : { key: tls.key }),
          ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
          rejectUnauthorized: tls.insecureSkipVerify !== true,
        });
  return {
    handler: (message) => ask(options, agent, message),
    close: () => agent.destroy(),
  };
}

function ask(options: HttpClientOptions, agent: PlainAgent | TlsAgent, message: HttpRequest): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const settings: RequestOptions = {
      method: message.method,
      path: message.url,
      headers: { ...message.headers, ...options.headers?.(), ...(message.body === undefined ? {} : { 'content-length': message.body.length }) },
      agent: message.headers['upgrade'] === undefined ? agent : unpooled(agent),
      ...(options.path === undefined ? { host: options.host ?? '127.0.0.1', port: options.port ?? 443 } : { socketPath: options.path }),
      ...(message.signal === undefined ? {} : { signal: message.signal }),
    };
    const request = options.tls === undefined ? plainRequest(settings) : tlsRequest(settings);
    request.setNoDelay(true);
    request.on('error', reject);
    request.on('response', (response) => resolve(responseOf(response)));
    request.on('upgrade', (response, socket, head) => {
      socket.on('error', () => socket.destroy());
      resolve({ status: 101, headers: headersOf(response), upgrade: (client, first) => join(client, first, socket, head) });
    });
    request.end(message.body);
  });
}

/** A connection that is upgraded never goes back to the pool, and must not wait for a place in it. */
function unpooled(agent: PlainAgent | TlsAgent): PlainAgent | TlsAgent {
  const { options } = agent as { options: object };
  return agent instanceof TlsAgent ? new TlsAgent({ ...options, keepAlive: false }) : new PlainAgent({ ...options, keepAlive: false });
}

function join(client: Duplex, clientHead: Uint8Array, server: Duplex, serverHead: Uint8Array): void {
  if (serverHead.length > 0) client.write(serverHead);
  if (clientHead.length > 0) server.write(clientHead);
  client.pipe(server);
  server.pipe(client);
  client.on('error', () => server.destroy());
  client.on('close', () => server.destroy());
  server.on('close', () => client.destroy());
}

function headersOf(response: IncomingMessage): Headers {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(response.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return headers;
}

function responseOf(response: IncomingMessage): HttpResponse {
  return {
    status: response.statusCode ?? 0,
    headers: headersOf(response),
    body: { kind: 'stream', start: (sink) => feed(response, sink) },
  };
}

function feed(response: IncomingMessage, sink: ByteSink): void {
  let ended = false;
  response.on('data', (chunk: Buffer) => {
    if (!sink.write(chunk)) response.pause();
  });
  sink.onDrain(() => response.resume());
  sink.onClose(() => response.destroy());
  response.on('end', () => {
    ended = true;
    sink.end();
  });
  response.on('error', (error) => {
    if (!ended) sink.abort(error);
    ended = true;
  });
  response.on('close', () => {
    if (!ended) sink.abort(new Error('The connection was closed before the answer ended'));
    ended = true;
  });
}
