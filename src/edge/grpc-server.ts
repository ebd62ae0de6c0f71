/**
 * A gRPC server on a unix socket, for calls with one message from the client.
 *
 * Limits: so many connections (further ones are closed at once) and calls on each, requests of
 * 4 MiB, and what a stream has to send is held back until the client has read what came before.
 * Source: the gRPC protocol over HTTP/2 (grpc/doc/PROTOCOL-HTTP2.md).
 */
import { rm } from 'node:fs/promises';
import {
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import {
  frameGrpcMessage,
  GRPC_CODE,
  GRPC_REQUEST_BYTES_MAX,
  GrpcDeframer,
  GrpcError,
  grpcErrorOf,
  type GrpcMethods,
  type GrpcServer,
  unknownMethod,
} from '#base/grpc.ts';

const SESSIONS_MAX = 64;
const CALLS_PER_SESSION_MAX = 100;
/** How long a call that was refused may go on sending. */
const LINGER_MS = 1000;
const UNITS_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};
/** The longest that a timer can wait. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** Listens at `path`; a socket that lies there is replaced. */
export async function serveGrpc(path: string, methods: GrpcMethods): Promise<GrpcServer> {
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer({ settings: { maxConcurrentStreams: CALLS_PER_SESSION_MAX } });
  server.on('session', (session) => {
    session.on('error', () => {});
    if (sessions.size >= SESSIONS_MAX) {
      session.destroy();
      return;
    }
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
  });
  server.on('sessionError', () => {});
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) =>
    new ServedCall(stream, methods).start(headers),
  );
  await rm(path, { force: true });
  await listen(server, path);
  return {
    close: () =>
      new Promise((resolve) => {
        // Also removes the socket.
        server.close(() => resolve());
        for (const session of sessions) session.destroy();
      }),
  };
}

function listen(server: Http2Server, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(path, () => {
    server.off('error', reject);
    server.on('error', () => {});
    resolve();
  });
  return promise;
}

class ServedCall {
  readonly #stream: ServerHttp2Stream;
  readonly #methods: GrpcMethods;
  readonly #abort = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(stream: ServerHttp2Stream, methods: GrpcMethods) {
    this.#stream = stream;
    this.#methods = methods;
  }

  start(headers: IncomingHttpHeaders): void {
    const stream = this.#stream;
    stream.on('error', () => {});
    stream.once('close', () => this.#end());
    const type = headers['content-type'] ?? '';
    if (headers[':method'] !== 'POST' || !type.startsWith('application/grpc')) {
      stream.respond({ ':status': headers[':method'] === 'POST' ? 415 : 405 }, { endStream: true });
      return;
    }
    const timeoutMs = timeoutOf(headers['grpc-timeout']);
    if (timeoutMs !== undefined)
      this.#timer = setTimeout(
        () => this.#fail(new GrpcError(GRPC_CODE.deadlineExceeded, 'context deadline exceeded')),
        timeoutMs,
      );
    const path = headers[':path'] ?? '';
    this.#request()
      .then((request) => this.#answer(path, request))
      .catch((error: unknown) => this.#fail(error));
  }

  /** The one message of the client. */
  #request(): Promise<Uint8Array> {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    const deframer = new GrpcDeframer(GRPC_REQUEST_BYTES_MAX);
    const messages: Uint8Array[] = [];
    this.#stream.on('data', (bytes: Uint8Array) => {
      try {
        messages.push(...deframer.push(bytes));
        if (messages.length > 1)
          reject(new GrpcError(GRPC_CODE.internal, 'more than one message in the request'));
      } catch (error) {
        reject(error);
      }
    });
    this.#stream.once('end', () => {
      const [message] = messages;
      if (message === undefined || deframer.pendingBytes > 0)
        reject(new GrpcError(GRPC_CODE.internal, 'no whole message in the request'));
      else resolve(message);
    });
    return promise;
  }

  #answer(path: string, request: Uint8Array): void {
    const { unary = {}, serverStream = {} } = this.#methods;
    const call = { signal: this.#abort.signal };
    const one = Object.hasOwn(unary, path) ? unary[path] : undefined;
    const many = Object.hasOwn(serverStream, path) ? serverStream[path] : undefined;
    const send = (message: Uint8Array): Promise<void> => this.#send(message);
    const answered = one?.(request, call).then(send) ?? many?.(request, send, call);
    if (answered === undefined) this.#fail(unknownMethod(path, this.#methods));
    else
      answered.then(
        () => this.#finish(),
        (error: unknown) => this.#fail(error),
      );
  }

  async #send(message: Uint8Array): Promise<void> {
    const stream = this.#stream;
    if (this.#isOver) throw new GrpcError(GRPC_CODE.cancelled, 'context canceled');
    this.#respond();
    if (stream.write(frameGrpcMessage(message))) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => reject(new GrpcError(GRPC_CODE.cancelled, 'context canceled'));
    stream.once('drain', resolve);
    this.#abort.signal.addEventListener('abort', onAbort, { once: true });
    await promise.finally(() => {
      stream.off('drain', resolve);
      this.#abort.signal.removeEventListener('abort', onAbort);
    });
  }

  #respond(): void {
    if (this.#stream.headersSent) return;
    this.#stream.respond(
      { ':status': 200, 'content-type': 'application/grpc' },
      { waitForTrailers: true },
    );
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#respond();
    this.#trailers({ 'grpc-status': '0' });
  }

  #fail(reason: unknown): void {
    if (this.#isOver) return;
    const { code, description } = grpcErrorOf(reason);
    const status = { 'grpc-status': String(code), 'grpc-message': encodeURIComponent(description) };
    if (this.#stream.headersSent) this.#trailers(status);
    else {
      const head = { ':status': 200, 'content-type': 'application/grpc', ...status };
      this.#stream.respond(head, { endStream: true });
    }
    this.#end();
    // What the client still sends is of no use, but a reset at once would go before the answer.
    const timer = setTimeout(() => this.#stream.close(constants.NGHTTP2_NO_ERROR), LINGER_MS);
    this.#stream.once('close', () => clearTimeout(timer));
    this.#stream.resume();
  }

  #trailers(status: Readonly<Record<string, string>>): void {
    this.#stream.once('wantTrailers', () => this.#stream.sendTrailers(status));
    this.#stream.end();
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#abort.abort();
  }
}

/** A number and a unit; what reads otherwise is no limit. */
function timeoutOf(text: string | string[] | undefined): number | undefined {
  const [, amount, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(String(text)) ?? [];
  const scale = UNITS_MS[unit];
  if (amount === undefined || scale === undefined) return undefined;
  return Math.min(TIMER_MAX_MS, Number(amount) * scale);
}
