/** Pods that wait for something to change, and by which plug-ins they were refused. */
import type { Environment, Timer } from '#base/env.ts';
import type { Waiting } from './waiting.ts';

const FLUSH_EVERY_MS = 30_000;

/** Pods that a plug-in has refused, of one scheduler name. */
export interface Refusals {
  readonly plugin: string;
  readonly schedulerName: string;
  readonly pods: number;
}

export class Refused {
  readonly #timers: Environment['timers'];
  readonly #flush: (pods: Iterable<Waiting>) => void;
  readonly #pods = new Set<Waiting>();
  readonly #byPlugin = new Map<string, Set<Waiting>>();
  #timer: Timer | undefined;

  /** `flush` looks at all that are here every thirty seconds, and may take them out. */
  constructor(timers: Environment['timers'], flush: (pods: Iterable<Waiting>) => void) {
    this.#timers = timers;
    this.#flush = flush;
  }

  get size(): number {
    return this.#pods.size;
  }

  /** Also of a pod that is here and has one more plug-in against it. */
  add(waiting: Waiting): void {
    waiting.state = 'unschedulable';
    this.#pods.add(waiting);
    for (const plugin of waiting.rejectors) {
      const pods = this.#byPlugin.get(plugin) ?? new Set();
      pods.add(waiting);
      this.#byPlugin.set(plugin, pods);
    }
    if (this.#timer === undefined) this.#setTimer();
  }

  delete(waiting: Waiting): void {
    this.#pods.delete(waiting);
    for (const plugin of waiting.rejectors) this.#byPlugin.get(plugin)?.delete(waiting);
  }

  by(plugin: string): Iterable<Waiting> {
    return this.#byPlugin.get(plugin) ?? [];
  }

  counts(): Refusals[] {
    return [...this.#byPlugin].flatMap(([plugin, waiting]) => {
      const byName = new Map<string, number>();
      for (const { info } of waiting) {
        const name = info.pod.spec?.schedulerName ?? '';
        byName.set(name, (byName.get(name) ?? 0) + 1);
      }
      return [...byName].map(([schedulerName, pods]) => ({ plugin, schedulerName, pods }));
    });
  }

  /** No timer is left. */
  clear(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#pods.clear();
    this.#byPlugin.clear();
  }

  #setTimer(): void {
    this.#timer = this.#timers.after(FLUSH_EVERY_MS, () => {
      this.#timer = undefined;
      this.#flush(this.#pods);
      if (this.#pods.size > 0 && this.#timer === undefined) this.#setTimer();
    });
  }
}
