/**
 * gRPC as the project sees it: calls that take bytes and give bytes, over one connection.
 *
 * The messages are encoded by `api/codec/protobuf.ts`; the transport (HTTP/2, a unix socket) is a
 * door, `edge/grpc.ts`, so that a test can play the server with a function. Source: the gRPC
 * protocol over HTTP/2 (grpc/doc/PROTOCOL-HTTP2.md).
 */
import { messageOf } from './error.ts';

/** Status codes of gRPC that callers tell apart. */
export const GRPC_CODE = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  resourceExhausted: 8,
  failedPrecondition: 9,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;

const CODE_NAMES = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
];

/**
 * A call that the server refused or that got no answer. `message` reads as Go's client prints it,
 * because it ends up in events and statuses; `description` is the server's text alone.
 */
export class GrpcError extends Error {
  readonly code: number;
  readonly description: string;

  constructor(code: number, description: string) {
    super(`rpc error: code = ${grpcCodeName(code)} desc = ${description}`);
    this.name = 'GrpcError';
    this.code = code;
    this.description = description;
  }
}

export interface GrpcCallOptions {
  /** The call fails with DeadlineExceeded after this long. Absent: no limit. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** One server. A broken connection is made anew by the next call. */
export interface GrpcChannel {
  /** `path` is `/package.Service/Method`. Rejects with GrpcError. */
  unary(path: string, request: Uint8Array, options?: GrpcCallOptions): Promise<Uint8Array>;
  /** Resolves when the server ends the stream with OK; rejects with GrpcError otherwise. */
  serverStream(
    path: string,
    request: Uint8Array,
    onMessage: (message: Uint8Array) => void,
    signal?: AbortSignal,
  ): Promise<void>;
  close(): void;
}

/** A channel to a unix socket of which can be known whether somebody listens there. */
export interface GrpcSocketChannel extends GrpcChannel {
  /**
   * Connects if need be. Resolves when the connection stands, with a promise that resolves when it
   * breaks; rejects with GrpcError when it cannot be made. It keeps nobody from calling meanwhile.
   */
  connected(): Promise<{ readonly closed: Promise<void> }>;
}

/** What a server knows of a call beside its message. */
export interface GrpcCall {
  /** Fires when nobody waits for the answer any more: cancelled, too late, the server closes. */
  readonly signal: AbortSignal;
}

/** A GrpcError that it throws is the status of the call; anything else is Unknown, as Go's server. */
export type GrpcUnaryMethod = (request: Uint8Array, call: GrpcCall) => Promise<Uint8Array>;

/**
 * Resolves to end the stream with OK. `send` resolves when there is room for another message, and
 * rejects when the call is over.
 */
export type GrpcStreamMethod = (
  request: Uint8Array,
  send: (message: Uint8Array) => Promise<void>,
  call: GrpcCall,
) => Promise<void>;

/** Methods by path, `/package.Service/Method`. */
export interface GrpcMethods {
  readonly unary?: Readonly<Record<string, GrpcUnaryMethod>>;
  readonly serverStream?: Readonly<Record<string, GrpcStreamMethod>>;
}

export interface GrpcServer {
  /** Ends all calls, and removes the socket. */
  close(): Promise<void>;
}

/** Both ends of gRPC on unix sockets: a door. `edge/grpc-sockets.ts` is the real one. */
export interface GrpcSockets {
  /** A channel to the server at `path`. Connects at first use. */
  open(path: string): GrpcSocketChannel;
  /** Listens at `path`; a socket that lies there is replaced. Rejects when that cannot be. */
  serve(path: string, methods: GrpcMethods): Promise<GrpcServer>;
}

/** What a method threw, as the status that the caller gets. */
export function grpcErrorOf(error: unknown): GrpcError {
  if (error instanceof GrpcError) return error;
  return new GrpcError(GRPC_CODE.unknown, messageOf(error));
}

/** For a path that a server does not have, in the words of Go's server. */
export function unknownMethod(path: string, methods: GrpcMethods): GrpcError {
  const [, service = '', method = ''] = path.split('/');
  const known = [...Object.keys(methods.unary ?? {}), ...Object.keys(methods.serverStream ?? {})];
  const text = known.some((each) => each.startsWith(`/${service}/`))
    ? `unknown method ${method} for service ${service}`
    : `unknown service ${service}`;
  return new GrpcError(GRPC_CODE.unimplemented, text);
}

/** Name of a status code, as Go prints it. */
export function grpcCodeName(code: number): string {
  return CODE_NAMES[code] ?? `Code(${code})`;
}

/** The longest message that a server takes, as Go's server has it. */
export const GRPC_REQUEST_BYTES_MAX = 4 * 1024 * 1024;

/** The longest message that is sent or taken, as upstream's kubelet has it. */
export const GRPC_MESSAGE_BYTES_MAX = 16 * 1024 * 1024;

/** Frames one message: a flag (not compressed), a length of four bytes, the bytes. */
export function frameGrpcMessage(message: Uint8Array): Uint8Array {
  const framed = new Uint8Array(5 + message.length);
  new DataView(framed.buffer).setUint32(1, message.length);
  framed.set(message, 5);
  return framed;
}

/**
 * Cuts a stream of bytes into messages. `push` throws a GrpcError for a compressed message (none
 * was offered) and for one that is too long.
 */
export class GrpcDeframer {
  readonly #bytesMax: number;
  #pieces: Uint8Array[] = [];
  #size = 0;

  constructor(bytesMax = GRPC_MESSAGE_BYTES_MAX) {
    this.#bytesMax = bytesMax;
  }

  push(bytes: Uint8Array): Uint8Array[] {
    this.#pieces.push(bytes);
    this.#size += bytes.length;
    const messages: Uint8Array[] = [];
    while (this.#size >= 5) {
      const length = this.#messageLength();
      if (this.#size < 5 + length) break;
      const joined = this.#join();
      messages.push(joined.subarray(5, 5 + length));
      this.#pieces = [joined.subarray(5 + length)];
      this.#size = joined.length - 5 - length;
    }
    return messages;
  }

  /** Bytes of a message that has not ended. */
  get pendingBytes(): number {
    return this.#size;
  }

  #join(): Uint8Array {
    const [first] = this.#pieces;
    const joined =
      this.#pieces.length === 1 && first !== undefined
        ? first
        : Buffer.concat(this.#pieces, this.#size);
    this.#pieces = [joined];
    return joined;
  }

  #messageLength(): number {
    const [first] = this.#pieces;
    const head = first !== undefined && first.length >= 5 ? first : this.#join();
    const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
    if (view.getUint8(0) !== 0) {
      throw new GrpcError(GRPC_CODE.internal, 'compressed message, none was offered');
    }
    const length = view.getUint32(1);
    if (length > this.#bytesMax) {
      throw new GrpcError(
        GRPC_CODE.resourceExhausted,
        `received message larger than max (${length} vs. ${this.#bytesMax})`,
      );
    }
    return length;
  }
}
