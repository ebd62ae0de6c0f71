/**
 * Pods that wait for a place: active (to be tried now), backing off, unschedulable.
 *
 * A pod that did not fit waits until something changes in the cluster that might help, and then
 * for the rest of its back-off. Source: upstream pkg/scheduler/backend/queue.
 */
import type { Environment, Timer } from '#base/env.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { podKey } from './snapshot.ts';

const BACKOFF_INITIAL_MS = 1_000;
const BACKOFF_MAX_MS = 10_000;
/** A pod that nothing seems to help is tried again after this time all the same. */
const UNSCHEDULABLE_MAX_MS = 5 * 60_000;

interface Waiting {
  pod: Pod;
  readonly key: string;
  readonly order: number;
  attempts: number;
  state: 'active' | 'backoff' | 'unschedulable' | 'running';
  /** Monotonic time until which it backs off. */
  backoffUntilMs: number;
  timer?: Timer;
  /** Something changed while it was being tried. */
  moved: boolean;
}

export class SchedulingQueue {
  readonly #environment: Environment;
  readonly #pods = new Map<string, Waiting>();
  /** Active keys, by priority and then by age: a heap would serve more, sorting serves a burst. */
  #active: Waiting[] = [];
  #sorted = true;
  #order = 0;
  readonly #wake: () => void;

  /** `wake` is called when a pod has become active. */
  constructor(environment: Environment, wake: () => void) {
    this.#environment = environment;
    this.#wake = wake;
  }

  get size(): number {
    return this.#pods.size;
  }

  /** A pod without a node, as the API shows it. */
  set(pod: Pod): void {
    const key = podKey(pod);
    const known = this.#pods.get(key);
    if (known === undefined || known.pod.metadata?.uid !== pod.metadata?.uid) {
      this.remove(key);
      const fresh: Waiting = {
        pod,
        key,
        order: this.#order++,
        attempts: 0,
        state: 'active',
        backoffUntilMs: 0,
        moved: false,
      };
      this.#pods.set(key, fresh);
      this.#activate(fresh);
      return;
    }
    const changed = specOf(known.pod) !== specOf(pod);
    known.pod = pod;
    if (changed) this.#move(known);
  }

  remove(key: string): void {
    const known = this.#pods.get(key);
    if (known === undefined) return;
    known.timer?.cancel();
    this.#pods.delete(key);
    if (known.state === 'active')
      this.#active = this.#active.filter((waiting) => waiting !== known);
  }

  /** The next pod to try, or undefined. Say `done` or `failed` of it afterwards. */
  pop(): Pod | undefined {
    if (!this.#sorted) {
      // Last is first: popping from the end moves nothing.
      this.#active.sort(
        (left, right) => priorityOf(left) - priorityOf(right) || right.order - left.order,
      );
      this.#sorted = true;
    }
    const next = this.#active.pop();
    if (next === undefined) return undefined;
    next.state = 'running';
    next.moved = false;
    next.attempts += 1;
    return next.pod;
  }

  /** It has a place. */
  done(key: string): void {
    this.remove(key);
  }

  /** It did not fit, or (retry) the attempt itself failed. */
  failed(key: string, options: { retry: boolean }): void {
    const known = this.#pods.get(key);
    if (known === undefined || known.state !== 'running') return;
    const now = this.#environment.clock.monotonicMs();
    const delayMs = Math.min(BACKOFF_MAX_MS, BACKOFF_INITIAL_MS * 2 ** (known.attempts - 1));
    known.backoffUntilMs = now + delayMs;
    known.state = 'unschedulable';
    if (options.retry || known.moved) this.#move(known);
    else
      known.timer = this.#environment.timers.after(UNSCHEDULABLE_MAX_MS, () => this.#move(known));
  }

  /** Forgets all pods: no timer of theirs is left. */
  clear(): void {
    for (const { timer } of this.#pods.values()) timer?.cancel();
    this.#pods.clear();
    this.#active = [];
  }

  /** The cluster changed in a way that may help: all that did not fit get another try. */
  moveAll(): void {
    for (const waiting of this.#pods.values()) this.#move(waiting);
  }

  #move(waiting: Waiting): void {
    if (waiting.state === 'running') {
      waiting.moved = true;
      return;
    }
    if (waiting.state !== 'unschedulable') return;
    waiting.timer?.cancel();
    const left = waiting.backoffUntilMs - this.#environment.clock.monotonicMs();
    if (left <= 0) {
      this.#activate(waiting);
      return;
    }
    waiting.state = 'backoff';
    waiting.timer = this.#environment.timers.after(left, () => this.#activate(waiting));
  }

  #activate(waiting: Waiting): void {
    if (this.#pods.get(waiting.key) !== waiting) return;
    waiting.state = 'active';
    this.#active.push(waiting);
    this.#sorted = false;
    this.#wake();
  }
}

function priorityOf({ pod }: Waiting): number {
  return pod.spec?.priority ?? 0;
}

/** What of a pod decides where it fits. */
function specOf(pod: Pod): string {
  return JSON.stringify([pod.spec, pod.metadata?.labels]);
}
