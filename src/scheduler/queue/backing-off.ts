/** Pods that back off, the one whose back-off ends first at the front. */
import type { Environment, Timer } from '#base/env.ts';
import { Heap } from '../heap.ts';
import type { Waiting } from './waiting.ts';

/** One stay of a pod here; void when the pod has another one, or none. */
interface Ticket {
  readonly waiting: Waiting;
  readonly untilMs: number;
}

export class BackingOff {
  readonly #environment: Pick<Environment, 'clock' | 'timers'>;
  readonly #ended: (waiting: Waiting) => void;
  /** Pods that went elsewhere stay until they come up, and are passed over. */
  readonly #heap = new Heap<Ticket>((left, right) => left.untilMs < right.untilMs);
  readonly #tickets = new WeakMap<Waiting, Ticket>();
  #timer: Timer | undefined;

  /** `ended` is called for each pod whose back-off is over. */
  constructor(
    environment: Pick<Environment, 'clock' | 'timers'>,
    ended: (waiting: Waiting) => void,
  ) {
    this.#environment = environment;
    this.#ended = ended;
  }

  /** Whether the pod has to wait, wherever it is. */
  mustWait({ backoffUntilMs }: Waiting): boolean {
    return this.#environment.clock.monotonicMs() < backoffUntilMs;
  }

  add(waiting: Waiting): void {
    waiting.state = 'backoff';
    const ticket = { waiting, untilMs: waiting.backoffUntilMs };
    this.#tickets.set(waiting, ticket);
    this.#heap.push(ticket);
    this.#setTimer();
  }

  /** Takes the first before its time; never one whose attempt has just failed. */
  takeFirst(): Waiting | undefined {
    for (let next = this.#heap.peek(); next !== undefined; next = this.#heap.peek()) {
      const { waiting } = next;
      const isValid = this.#isValid(next);
      if (isValid && waiting.errors > 0 && this.mustWait(waiting)) return undefined;
      this.#heap.pop();
      if (isValid) return waiting;
    }
    return undefined;
  }

  /** No timer is left. */
  clear(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#heap.clear();
  }

  #isValid(ticket: Ticket): boolean {
    const { waiting } = ticket;
    return waiting.state === 'backoff' && this.#tickets.get(waiting) === ticket;
  }

  /** One timer, for the pod whose back-off ends first. */
  #setTimer(): void {
    const first = this.#heap.peek();
    this.#timer?.cancel();
    this.#timer = undefined;
    if (first === undefined) return;
    const { clock, timers } = this.#environment;
    const leftMs = Math.max(0, first.untilMs - clock.monotonicMs());
    this.#timer = timers.after(leftMs, () => this.#end());
  }

  #end(): void {
    for (let next = this.#heap.peek(); next !== undefined; next = this.#heap.peek()) {
      if (next.untilMs > this.#environment.clock.monotonicMs()) break;
      this.#heap.pop();
      if (this.#isValid(next)) this.#ended(next.waiting);
    }
    this.#setTimer();
  }
}
