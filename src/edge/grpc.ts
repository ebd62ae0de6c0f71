/**
 * gRPC over HTTP/2, on a unix socket (the road from the kubelet to containerd) or on TCP.
 *
 * One session carries all calls. When it breaks (containerd restarted), calls in flight fail with
 * Unavailable and the next call connects anew; there is no queue of waiting calls.
 */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { connect as connectSocket, type Socket } from 'node:net';
import { messageOf } from '#base/error.ts';
import {
  frameGrpcMessage,
  GRPC_CODE,
  GRPC_MESSAGE_BYTES_MAX,
  type GrpcCallOptions,
  GrpcDeframer,
  GrpcError,
  type GrpcSocketChannel,
} from '#base/grpc.ts';

/** Flow control for one stream and for the session: a list of containers fits without a stall. */
const WINDOW_BYTES = 4 * 1024 * 1024;

interface Call extends GrpcCallOptions {
  readonly path: string;
  readonly request: Uint8Array;
  readonly onMessage: (message: Uint8Array) => void;
}

export type GrpcAddress =
  | { readonly socketPath: string }
  | { readonly host: string; readonly port: number };

/** A channel to the server at `address` (a text: a unix socket), without TLS. Connects at first use. */
export function openGrpcChannel(address: GrpcAddress | string): GrpcSocketChannel {
  return new Http2Channel(typeof address === 'string' ? { socketPath: address } : address);
}

class Http2Channel implements GrpcSocketChannel {
  readonly #address: GrpcAddress;
  #session: ClientHttp2Session | undefined;
  #closed = false;

  constructor(address: GrpcAddress) {
    this.#address = address;
  }

  async unary(
    path: string,
    request: Uint8Array,
    options: GrpcCallOptions = {},
  ): Promise<Uint8Array> {
    let answer: Uint8Array | undefined;
    await this.#call({
      path,
      request,
      ...options,
      onMessage: (message) => {
        answer = message;
      },
    });
    if (answer === undefined) {
      throw new GrpcError(GRPC_CODE.internal, 'no message in the answer');
    }
    return answer;
  }

  serverStream(
    path: string,
    request: Uint8Array,
    onMessage: (message: Uint8Array) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    return this.#call({ path, request, onMessage, ...(signal === undefined ? {} : { signal }) });
  }

  connected(): Promise<{ readonly closed: Promise<void> }> {
    if (this.#closed)
      return Promise.reject(new GrpcError(GRPC_CODE.cancelled, 'the client connection is closing'));
    const session = this.#connected();
    const closed = new Promise<void>((resolve) => session.once('close', () => resolve()));
    if (!session.connecting) return Promise.resolve({ closed });
    return new Promise((resolve, reject) => {
      session.once('connect', () => resolve({ closed }));
      session.once('error', (error) =>
        reject(new GrpcError(GRPC_CODE.unavailable, this.#connectionText(error))),
      );
      session.once('close', () =>
        reject(new GrpcError(GRPC_CODE.unavailable, this.#connectionText('it was closed'))),
      );
    });
  }

  close(): void {
    this.#closed = true;
    this.#session?.destroy();
    this.#session = undefined;
  }

  #call(call: Call): Promise<void> {
    if (call.request.length > GRPC_MESSAGE_BYTES_MAX) {
      const text = `trying to send message larger than max (${call.request.length} vs. ${GRPC_MESSAGE_BYTES_MAX})`;
      return Promise.reject(new GrpcError(GRPC_CODE.resourceExhausted, text));
    }
    if (call.signal?.aborted) {
      return Promise.reject(new GrpcError(GRPC_CODE.cancelled, 'context canceled'));
    }
    if (this.#closed) {
      return Promise.reject(new GrpcError(GRPC_CODE.cancelled, 'the client connection is closing'));
    }
    let stream: ClientHttp2Stream;
    try {
      stream = this.#open(call);
    } catch (error) {
      return Promise.reject(new GrpcError(GRPC_CODE.unavailable, this.#connectionText(error)));
    }
    return this.#follow(stream, call);
  }

  #open(call: Call): ClientHttp2Stream {
    const session = this.#connected();
    const stream = session.request({
      ':method': 'POST',
      ':path': call.path,
      ':scheme': 'http',
      ':authority': 'localhost',
      'content-type': 'application/grpc',
      te: 'trailers',
      'user-agent': 'coxswain',
      ...(call.timeoutMs === undefined
        ? {}
        : { 'grpc-timeout': `${Math.max(1, Math.min(99_999_999, Math.ceil(call.timeoutMs)))}m` }),
    });
    stream.end(frameGrpcMessage(call.request));
    return stream;
  }

  #connected(): ClientHttp2Session {
    const known = this.#session;
    if (known !== undefined && !known.closed && !known.destroyed) return known;
    const session = connect('http://localhost', {
      createConnection: () => dial(this.#address),
      settings: { initialWindowSize: WINDOW_BYTES },
    });
    session.once('connect', () => session.setLocalWindowSize(WINDOW_BYTES));
    // Each stream sees the failure itself; without a listener it would end the process.
    session.on('error', () => {});
    const forget = (): void => {
      if (this.#session === session) this.#session = undefined;
    };
    session.once('close', forget);
    session.once('goaway', forget);
    this.#session = session;
    return session;
  }

  #follow(stream: ClientHttp2Stream, call: Call): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const deframer = new GrpcDeframer();
    let status: GrpcError | 'ok' | undefined;
    const fail = (error: GrpcError): void => {
      status ??= error;
      stream.close(constants.NGHTTP2_CANCEL);
    };
    const abort = (): void => fail(new GrpcError(GRPC_CODE.cancelled, 'context canceled'));
    const timer =
      call.timeoutMs === undefined
        ? undefined
        : setTimeout(
            () => fail(new GrpcError(GRPC_CODE.deadlineExceeded, 'context deadline exceeded')),
            call.timeoutMs,
          );
    call.signal?.addEventListener('abort', abort);

    stream.on('response', (headers) => {
      status ??= statusOf(headers);
      const http = headers[':status'];
      if (http !== 200) {
        fail(new GrpcError(GRPC_CODE.unavailable, `unexpected HTTP status code ${http}`));
      }
    });
    stream.on('trailers', (headers) => {
      status ??= statusOf(headers) ?? new GrpcError(GRPC_CODE.unknown, 'no grpc-status');
    });
    stream.on('data', (bytes: Uint8Array) => {
      if (status !== undefined && status !== 'ok') return;
      try {
        for (const message of deframer.push(bytes)) call.onMessage(message);
      } catch (error) {
        const known = error instanceof GrpcError;
        fail(known ? error : new GrpcError(GRPC_CODE.internal, String(error)));
      }
    });
    stream.on('error', (error) => {
      status ??= new GrpcError(GRPC_CODE.unavailable, this.#connectionText(error));
    });
    stream.once('close', () => {
      clearTimeout(timer);
      call.signal?.removeEventListener('abort', abort);
      if (status === 'ok') resolve();
      else reject(status ?? new GrpcError(GRPC_CODE.unavailable, 'error reading from server: EOF'));
    });
    return promise;
  }

  #connectionText(error: unknown): string {
    const text = messageOf(error);
    const address = this.#address;
    const where = 'host' in address ? `${address.host}:${address.port}` : address.socketPath;
    return `connection error: ${text} (${where})`;
  }
}

function dial(address: GrpcAddress): Socket {
  if ('host' in address) return connectSocket(address.port, address.host);
  return connectSocket(address.socketPath);
}

/** The status in headers (an answer of trailers only) or trailers; undefined when there is none. */
function statusOf(headers: Record<string, unknown>): GrpcError | 'ok' | undefined {
  const code = headers['grpc-status'];
  if (code === undefined) return undefined;
  if (code === '0') return 'ok';
  return new GrpcError(Number(code), percentDecode(headers['grpc-message']));
}

/** grpc-message is percent-encoded UTF-8; what is not valid stays as it is. */
function percentDecode(text: unknown): string {
  if (typeof text !== 'string') return '';
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
