/**
 * Messages of a table with the types that the table gives them, and calls of and to services of
 * such messages.
 *
 * A table is written down once, as a constant: what a field is in TypeScript follows from it. All
 * fields are optional, as in proto3: what is absent is zero.
 */
import { GRPC_CODE, GrpcError, type GrpcUnaryMethod } from './grpc.ts';
import { ProtoCodec, type ProtoTable } from './proto3.ts';

interface Scalars {
  string: string;
  bool: boolean;
  bytes: Uint8Array;
  int32: number;
  int64: number;
  uint64: number;
  enum: number;
}

type Named<T extends ProtoTable, N> = N extends keyof Scalars
  ? Scalars[N]
  : N extends keyof T & string
    ? MessageOf<T, N>
    : never;
type FieldValue<T extends ProtoTable, N, Repeated> = N extends `map:${infer V}`
  ? Readonly<Record<string, Named<T, V>>>
  : Repeated extends 1
    ? readonly Named<T, N>[]
    : Named<T, N>;

/** The message `N` of the table `T`. */
export type MessageOf<T extends ProtoTable, N extends keyof T & string> = {
  readonly [F in T[N][number] as F[0]]?: FieldValue<T, F[2], F[3]>;
};

export class TypedCodec<T extends ProtoTable> {
  readonly #codec: ProtoCodec;

  constructor(table: T) {
    this.#codec = new ProtoCodec(table);
  }

  encode<N extends keyof T & string>(name: N, message: MessageOf<T, N>): Uint8Array {
    return this.#codec.encode(name, message);
  }

  /** Throws a RangeError when the bytes are no message. */
  decode<N extends keyof T & string>(name: N, bytes: Uint8Array): MessageOf<T, N> {
    // The table that decodes it is the one its type is made of.
    return this.#codec.decode(name, bytes) as MessageOf<T, N>;
  }

  /** A method of a server: decodes what comes, encodes what `run` gives. */
  method<A extends keyof T & string, B extends keyof T & string>(
    [request, answer]: readonly [A, B],
    run: (message: MessageOf<T, A>) => Promise<MessageOf<T, B>>,
  ): GrpcUnaryMethod {
    return async (bytes) => {
      let message: MessageOf<T, A>;
      try {
        message = this.decode(request, bytes);
      } catch {
        throw new GrpcError(GRPC_CODE.internal, `grpc: failed to unmarshal the received message`);
      }
      return this.encode(answer, await run(message));
    };
  }
}
