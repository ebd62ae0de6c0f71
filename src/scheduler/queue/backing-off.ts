/**
 * Pods that back off. One that was refused is taken before its time when nothing else is to be
 * done: of those whose back-off ends in the same second the one that the queue would try first. Pods
 * of groups always wait: they come back by themselves, and upstream, which takes them before their
 * time, tries a group that fits nowhere without a pause.
 *
 * Source: KEP-5142; upstream pkg/scheduler/backend/queue/backoff_queue.go, v1.36.
 */
import type { Environment, Timer } from '#base/env.ts';
import { Heap } from '../heap.ts';
import type { QueuedPod } from '../framework.ts';
import type { Waiting } from './waiting.ts';

const WINDOW_MS = 1_000;

/** One stay of a pod here; void when the pod has another one, or none. */
interface Ticket extends QueuedPod {
  readonly waiting: Waiting;
  readonly untilMs: number;
}

function windowOf({ untilMs }: Ticket): number {
  return Math.floor(untilMs / WINDOW_MS);
}

export class BackingOff {
  readonly #environment: Pick<Environment, 'clock' | 'timers'>;
  readonly #ended: (waiting: Waiting) => void;
  /** Here and below pods that went elsewhere stay until they come up, and are passed over. */
  readonly #heap = new Heap<Ticket>((left, right) => left.untilMs < right.untilMs);
  /** Pods that were refused: not those whose attempt failed. */
  readonly #refused: Heap<Ticket>;
  readonly #tickets = new WeakMap<Waiting, Ticket>();
  #timer: Timer | undefined;

  /** `less`: the order of the queue; `ended` is called for each pod whose back-off is over. */
  constructor(
    environment: Pick<Environment, 'clock' | 'timers'>,
    less: (left: QueuedPod, right: QueuedPod) => boolean,
    ended: (waiting: Waiting) => void,
  ) {
    this.#environment = environment;
    this.#ended = ended;
    this.#refused = new Heap((left, right) => {
      const [window, other] = [windowOf(left), windowOf(right)];
      return window === other ? less(left, right) : window < other;
    });
  }

  /** Whether the pod has to wait, wherever it is. */
  mustWait({ backoffUntilMs }: Waiting): boolean {
    return this.#environment.clock.monotonicMs() < backoffUntilMs;
  }

  /** `isPatient`: it is not taken before its time. */
  add(waiting: Waiting, isPatient: boolean): void {
    waiting.state = 'backoff';
    const { info, sinceMs, order, backoffUntilMs: untilMs } = waiting;
    const ticket = { waiting, info, sinceMs, order, untilMs };
    this.#tickets.set(waiting, ticket);
    this.#heap.push(ticket);
    if (waiting.errors === 0 && !isPatient) this.#refused.push(ticket);
    this.#setTimer();
  }

  /** Takes the first before its time; never one whose attempt has just failed. */
  takeFirst(): Waiting | undefined {
    for (let next = this.#refused.pop(); next !== undefined; next = this.#refused.pop())
      if (this.#isValid(next)) return next.waiting;
    return undefined;
  }

  /** No timer is left. */
  clear(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#heap.clear();
    this.#refused.clear();
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
