/**
 * Stops containers: preStop hook, then the runtime's stop, both within the grace period.
 *
 * Source: Kubernetes documentation "Pod Lifecycle: Termination of Pods" v1.36. Upstream:
 * pkg/kubelet/kuberuntime/kuberuntime_container.go (killContainer).
 */
import type { Container, Pod } from '#api/gen/core-v1.ts';
import { timeoutSignal } from '#base/env.ts';
import { GRPC_CODE, GrpcError } from '#base/grpc.ts';
import type { PodEvents } from '../events.ts';
import type { NodeContext } from './node-context.ts';

/** Even a container that shall go at once gets this long to end by itself. */
const GRACE_SECONDS_MIN = 2;

export interface KillRequest {
  readonly pod: Pod;
  readonly container: Container;
  readonly containerId: string;
  readonly podIp: string;
  /** Of the event; absent: `Stopping container <name>`. */
  readonly message?: string;
  readonly events: PodEvents;
  readonly gracePeriodSeconds: number;
  /** Fires when the container shall stop sooner: this call gives up, another takes over. */
  readonly signal?: AbortSignal;
  /** Resolves when containers that must stop before this one have. */
  readonly turn?: Promise<void>;
}

export class ContainerKiller {
  readonly #node: NodeContext;

  constructor(node: NodeContext) {
    this.#node = node;
  }

  /** Resolves when the container has stopped, or is not there. */
  async kill(request: KillRequest): Promise<void> {
    const { container, events, gracePeriodSeconds, turn } = request;
    const { clock } = this.#node.environment;
    const message = request.message ?? `Stopping container ${container.name}`;
    events.container(container, { type: 'Normal', reason: 'Killing', message });
    const deadlineMs = clock.monotonicMs() + gracePeriodSeconds * 1000;
    await this.#preStop(request);
    if (turn !== undefined) await this.#within(deadlineMs - clock.monotonicMs(), turn);
    if (request.signal?.aborted) return;
    const leftMs = deadlineMs - clock.monotonicMs();
    // Whole seconds that have passed are taken off, as upstream does; a part of one is not.
    const timeout = Math.max(GRACE_SECONDS_MIN, Math.ceil(leftMs / 1000));
    await this.#stop(request, timeout);
  }

  async #stop({ containerId, signal }: KillRequest, timeout: number): Promise<void> {
    try {
      await this.#node.cri.call(
        'stopContainer',
        { containerId, timeout },
        signal === undefined ? {} : { signal },
      );
    } catch (error) {
      const gone = error instanceof GrpcError && error.code === GRPC_CODE.notFound;
      if (!gone && signal?.aborted !== true) throw error;
    }
  }

  async #preStop(request: KillRequest): Promise<void> {
    const { pod, container, containerId, podIp, events, gracePeriodSeconds } = request;
    const handler = container.lifecycle?.preStop;
    if (handler === undefined || gracePeriodSeconds <= 0) return;
    const { environment, hooks } = this.#node;
    const limit = timeoutSignal(environment, gracePeriodSeconds * 1000, request.signal);
    try {
      await hooks.run({ handler, pod, container, containerId, podIp, signal: limit.signal });
    } catch {
      if (limit.signal.aborted) return;
      // The message may hold secrets of the server that answered: it is not for the event.
      const event = { type: 'Warning', reason: 'FailedPreStopHook' } as const;
      events.container(container, { ...event, message: 'PreStopHook failed' });
    } finally {
      limit.release();
    }
  }

  async #within(timeoutMs: number, promise: Promise<void>): Promise<void> {
    if (timeoutMs <= 0) return;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = this.#node.environment.timers.after(timeoutMs, resolve);
    await Promise.race([promise, late]);
    timer.cancel();
  }
}
