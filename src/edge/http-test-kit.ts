/** For tests of the HTTP server: servers and raw clients that end with each test. */
import { once } from 'node:events';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import type { Handler, HttpResponse } from '#base/http/message.ts';
import { type HttpServerOptions, type RunningHttpServer, serveHttp } from './http-server.ts';
import { testPki } from './test-kit.ts';

export const text = (body: string): HttpResponse => ({
  status: 200,
  headers: { 'content-type': 'text/plain' },
  body: { kind: 'bytes', bytes: Buffer.from(body) },
});

/** A handler that says when it is inside, and answers when it is told to finish. */
export function held() {
  const inside = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const handler: Handler = async () => {
    inside.resolve();
    await finish.promise;
    return text('finished');
  };
  return { inside, finish, handler };
}

export async function http2Ask(
  session: ClientHttp2Session,
  headers: Record<string, string>,
  body?: Uint8Array,
): Promise<{ status: number; body: string; headers: Record<string, unknown> }> {
  const stream = session.request(headers, { endStream: body === undefined });
  stream.on('error', () => {});
  if (body !== undefined) stream.end(body);
  const [head] = await once(stream, 'response');
  let answer = '';
  for await (const chunk of stream) answer += String(chunk);
  return { status: head[':status'], body: answer, headers: head };
}

/** What one test file starts; `end` belongs into its `afterEach`. */
export function httpBench() {
  const pki = testPki();
  const servers: RunningHttpServer[] = [];
  const closers: (() => void)[] = [];

  async function serve(
    handler: Handler,
    options: Partial<HttpServerOptions> = {},
  ): Promise<RunningHttpServer> {
    const server = await serveHttp({
      handler,
      tls: { ...pki.server, clientCa: pki.ca },
      ...options,
    });
    servers.push(server);
    return server;
  }

  /** What a raw HTTP/1.1 exchange over TLS gives, until the server closes. */
  async function rawExchange(port: number, request: string): Promise<string> {
    const socket = connectTls({ port, host: '127.0.0.1', ca: pki.ca });
    closers.push(() => socket.destroy());
    socket.write(request);
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    return answer;
  }

  function http2Session(port: number, tls: object = {}): ClientHttp2Session {
    const session = connectHttp2(`https://127.0.0.1:${port}`, { ca: pki.ca, ...tls });
    session.on('error', () => {});
    closers.push(() => session.destroy());
    return session;
  }

  async function end(): Promise<void> {
    for (const close of closers.splice(0)) close();
    await Promise.all(servers.splice(0).map((server) => server.close()));
  }

  return { pki, servers, closers, serve, rawExchange, http2Session, end };
}
