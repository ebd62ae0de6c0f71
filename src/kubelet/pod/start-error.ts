/**
 * A step of starting a container failed: shown as the waiting state of the container.
 *
 * Upstream: pkg/kubelet/{images/types.go,kuberuntime/kuberuntime_container.go,container/sync_result.go}.
 */
import { messageOf } from '#base/error.ts';
import { GrpcError } from '#base/grpc.ts';

export class StartError extends Error {
  /** `ErrImagePull`, `CreateContainerError`, `RunContainerError`, ... */
  readonly reason: string;
  /** When to try again; absent: at the next sync. */
  readonly retryAtMs?: number;

  constructor(reason: string, message: string, retryAtMs?: number) {
    super(message);
    this.name = 'StartError';
    this.reason = reason;
    if (retryAtMs !== undefined) this.retryAtMs = retryAtMs;
  }
}

/** The text of an error without gRPC's wrapping. */
export function plainMessage(error: unknown): string {
  if (error instanceof GrpcError) return error.description;
  return messageOf(error);
}
