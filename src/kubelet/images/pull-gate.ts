/**
 * How many images are pulled at a time, and how often.
 *
 * Upstream: pkg/kubelet/images/{puller,helpers}.go, v1.36 (serializeImagePulls,
 * maxParallelImagePulls, registryPullQPS, registryBurst).
 */
import type { Clock } from '#base/env.ts';
import { TokenBucket } from '#base/token-bucket.ts';
import type { KubeletConfiguration } from '../config/types.ts';

type PullLimits = Pick<
  KubeletConfiguration,
  'serializeImagePulls' | 'maxParallelImagePulls' | 'registryPullQPS' | 'registryBurst'
>;

export class PullGate {
  readonly #max: number;
  readonly #bucket: TokenBucket | undefined;
  /** As many as there are containers that wait for an image: each waits but once. */
  readonly #waiting: ((hasTurn: boolean) => void)[] = [];
  #running = 0;

  constructor(limits: PullLimits, clock: Pick<Clock, 'monotonicMs'>) {
    const { serializeImagePulls, maxParallelImagePulls, registryPullQPS, registryBurst } = limits;
    this.#max = serializeImagePulls ? 1 : (maxParallelImagePulls ?? Number.POSITIVE_INFINITY);
    this.#bucket =
      registryPullQPS === 0
        ? undefined
        : new TokenBucket({ perSecond: registryPullQPS, burst: registryBurst }, clock);
  }

  /**
   * Runs `pull` when it is its turn. Rejects when there were too many of late, or when `signal` was
   * aborted before its turn.
   */
  async run<T>(pull: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const hasTurn = await this.#turn(signal);
    try {
      if (signal.aborted) throw new Error('context canceled');
      if (this.#bucket?.tryTake() === false) throw new Error('pull QPS exceeded');
      return await pull();
    } finally {
      if (hasTurn) this.#release();
    }
  }

  /** False: who asked went away before. */
  #turn(signal: AbortSignal): Promise<boolean> {
    if (this.#running < this.#max) {
      this.#running++;
      return Promise.resolve(true);
    }
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#waiting.push(resolve);
    const leave = (): void => {
      const at = this.#waiting.indexOf(resolve);
      if (at < 0) return;
      this.#waiting.splice(at, 1);
      resolve(false);
    };
    signal.addEventListener('abort', leave, { once: true });
    return promise.finally(() => signal.removeEventListener('abort', leave));
  }

  /** The turn goes to the next one, or back. */
  #release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running--;
    else next(true);
  }
}
