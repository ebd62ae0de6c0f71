/**
 * gRPC as the project sees it: calls that take bytes and give bytes, over one connection.
 *
 * The messages are encoded by `api/codec/protobuf.ts`; the transport (HTTP/2, a unix socket) is a
 * door, `edge/grpc.ts`, so that a test can play the server with a function. Source: the gRPC
 * protocol over HTTP/2 (grpc/doc/PROTOCOL-HTTP2.md).
 */

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
    super(`rpc error: code = ${CODE_NAMES[code] ?? `Code(${code})`} desc = ${description}`);
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
  #pieces: Uint8Array[] = [];
  #size = 0;

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
    if (length > GRPC_MESSAGE_BYTES_MAX) {
      throw new GrpcError(
        GRPC_CODE.resourceExhausted,
        `received message larger than max (${length} vs. ${GRPC_MESSAGE_BYTES_MAX})`,
      );
    }
    return length;
  }
}
