/** gRPC on unix sockets that are in memory, in virtual time: both ends in one process. */
import type { Environment } from '#base/env.ts';
import { timeoutSignal } from '#base/env.ts';
import {
  GRPC_CODE,
  type GrpcCallOptions,
  GrpcError,
  grpcErrorOf,
  type GrpcMethods,
  type GrpcServer,
  type GrpcSocketChannel,
  type GrpcSockets,
  unknownMethod,
} from '#base/grpc.ts';
import type { MemoryFileSystem } from './kubelet/memory-file-system.ts';

interface Listening {
  readonly methods: GrpcMethods;
  readonly abort: AbortController;
}

/** Sockets lie in the file system, and are seen there. */
export class MemoryGrpcSockets implements GrpcSockets {
  readonly #environment: Pick<Environment, 'timers'>;
  readonly #fileSystem: MemoryFileSystem;
  readonly #listening = new Map<string, Listening>();

  constructor(environment: Pick<Environment, 'timers'>, fileSystem: MemoryFileSystem) {
    this.#environment = environment;
    this.#fileSystem = fileSystem;
  }

  async serve(path: string, methods: GrpcMethods): Promise<GrpcServer> {
    const listening = { methods, abort: new AbortController() };
    this.#listening.set(path, listening);
    await this.#fileSystem.makeSocket(path);
    return {
      close: async () => {
        listening.abort.abort();
        if (this.#listening.get(path) !== listening) return;
        this.#listening.delete(path);
        await this.#fileSystem.remove(path);
      },
    };
  }

  /** As when the process behind it dies: the socket stays. */
  kill(path: string): void {
    this.#listening.get(path)?.abort.abort();
    this.#listening.delete(path);
  }

  open(path: string): GrpcSocketChannel {
    const closing = new AbortController();
    const reach = async (): Promise<Listening> => {
      if (closing.signal.aborted)
        throw new GrpcError(GRPC_CODE.cancelled, 'the client connection is closing');
      const found = this.#listening.get(path);
      if (found === undefined || (await this.#fileSystem.stat(path)) === undefined)
        throw new GrpcError(GRPC_CODE.unavailable, `connection error: nobody listens (${path})`);
      return found;
    };
    const call = async <T>(
      options: GrpcCallOptions,
      run: (listening: Listening, signal: AbortSignal) => Promise<T>,
    ): Promise<T> => {
      const listening = await reach();
      const { timeoutMs = 2 ** 31 - 1, signal } = options;
      const timeout = timeoutSignal(this.#environment, timeoutMs, signal);
      const over = AbortSignal.any([timeout.signal, listening.abort.signal, closing.signal]);
      const { promise: lost, reject } = Promise.withResolvers<never>();
      const onOver = (): void => {
        if (listening.abort.signal.aborted)
          reject(new GrpcError(GRPC_CODE.unavailable, 'error reading from server: EOF'));
        else if (signal?.aborted === true || closing.signal.aborted)
          reject(new GrpcError(GRPC_CODE.cancelled, 'context canceled'));
        else reject(new GrpcError(GRPC_CODE.deadlineExceeded, 'context deadline exceeded'));
      };
      if (over.aborted) onOver();
      over.addEventListener('abort', onOver);
      try {
        return await Promise.race([lost, run(listening, over)]);
      } catch (error) {
        throw grpcErrorOf(error);
      } finally {
        timeout.release();
        over.removeEventListener('abort', onOver);
        lost.catch(() => {});
      }
    };
    return {
      unary: (method, request, options = {}) =>
        call(options, ({ methods }, signal) => {
          const found = methods.unary?.[method];
          if (found === undefined) throw unknownMethod(method, methods);
          return found(request, { signal });
        }),
      serverStream: (method, request, onMessage, signal) =>
        call(signal === undefined ? {} : { signal }, ({ methods }, over) => {
          const found = methods.serverStream?.[method];
          if (found === undefined) throw unknownMethod(method, methods);
          const send = (message: Uint8Array): Promise<void> => {
            if (over.aborted)
              return Promise.reject(new GrpcError(GRPC_CODE.cancelled, 'context canceled'));
            onMessage(message);
            return Promise.resolve();
          };
          return found(request, send, { signal: over });
        }),
      connected: async () => {
        const { abort } = await reach();
        const over = AbortSignal.any([abort.signal, closing.signal]);
        const { promise: closed, resolve } = Promise.withResolvers<void>();
        if (over.aborted) resolve();
        over.addEventListener('abort', () => resolve());
        return { closed };
      },
      close: () => closing.abort(),
    };
  }
}
