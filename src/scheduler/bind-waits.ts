/**
 * Pods that have a node and wait for their volumes or devices before they are bound.
 *
 * There are at most as many as pods without a node; each is looked at again whenever a volume, a
 * device or a claim changes. Upstream asks every second: pkg/scheduler/framework/plugins/volumebinding
 * (BindPodVolumes), v1.36.
 */
import type { Environment } from '#base/env.ts';

interface Waiting {
  check(): void;
  fail(error: Error): void;
}

export class BindWaits {
  readonly #environment: Environment;
  readonly #waiting = new Map<string, Waiting>();

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Resolves when `isReady` answers true. Rejects when it throws, when the time is over, or when
   * the pod goes.
   */
  async wait(key: string, timeoutMs: number, isReady: () => boolean): Promise<void> {
    if (isReady()) return;
    const done = Promise.withResolvers<void>();
    const timer = this.#environment.timers.after(timeoutMs, () =>
      done.reject(new Error('context deadline exceeded')),
    );
    this.#waiting.set(key, {
      fail: (error) => done.reject(error),
      check: () => {
        try {
          if (isReady()) done.resolve();
        } catch (error) {
          done.reject(error);
        }
      },
    });
    try {
      await done.promise;
    } finally {
      timer.cancel();
      this.#waiting.delete(key);
    }
  }

  /** A volume or a claim has changed. */
  check(): void {
    for (const waiting of this.#waiting.values()) waiting.check();
  }

  /** The pod is gone. */
  cancel(key: string): void {
    this.#waiting.get(key)?.fail(new Error('pod does not exist any more'));
  }
}
