/**
 * What the queues of controllers say of themselves, under upstream's names.
 *
 * Source: the metrics reference of v1.36, workqueue_…; upstream
 * staging/src/k8s.io/component-base/metrics/prometheus/workqueue/metrics.go.
 */
import type { Clock } from '#base/env.ts';
import type { Counter, Histogram, MetricRegistry } from '#base/metrics.ts';
import type { QueueObserver } from './work-queue.ts';

const MS_PER_SECOND = 1000;
const SECONDS_BUCKETS = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100, 1000];
const LABELS = ['name'];

export class QueueMetrics {
  readonly #clock: Clock;
  readonly #adds: Counter;
  readonly #retries: Counter;
  readonly #waited: Histogram;
  readonly #worked: Histogram;
  readonly #queues: OneQueue[] = [];

  constructor(registry: MetricRegistry, clock: Clock) {
    this.#clock = clock;
    const head = (name: string, help: string) =>
      ({ name: `workqueue_${name}`, help, stability: 'BETA', labels: LABELS }) as const;
    this.#adds = registry.counter(head('adds_total', 'How often a key was put into the queue'));
    this.#retries = registry.counter(
      head('retries_total', 'How often a key was put back to be tried again'),
    );
    this.#waited = registry.histogram(
      head('queue_duration_seconds', 'How long a key waited in the queue, in seconds.'),
      SECONDS_BUCKETS,
    );
    this.#worked = registry.histogram(
      head('work_duration_seconds', 'How long the work on one key took, in seconds.'),
      SECONDS_BUCKETS,
    );
    const observe = (name: string, help: string, value: (queues: OneQueue[]) => number): void =>
      registry.observed(head(name, help), () =>
        // Several queues may have one name.
        [...Map.groupBy(this.#queues, (queue) => queue.name)].map(
          ([queue, same]) => [[queue], value(same)] as const,
        ),
      );
    const unfinished = (queues: readonly OneQueue[]): number[] =>
      queues.flatMap((queue) => queue.unfinished());
    observe('depth', 'Current depth of workqueue', (queues) =>
      queues.reduce((sum, queue) => sum + queue.depth, 0),
    );
    observe(
      'unfinished_work_seconds',
      "How many seconds of work has done that is in progress and hasn't been observed by work_duration. Large values indicate stuck threads. One can deduce the number of stuck threads by observing the rate at which this increases.",
      (queues) => unfinished(queues).reduce((sum, seconds) => sum + seconds, 0),
    );
    observe(
      'longest_running_processor_seconds',
      'How many seconds has the longest running processor for workqueue been running.',
      (queues) => Math.max(0, ...unfinished(queues)),
    );
  }

  /** Of a queue that is made now. */
  observerOf(name: string): QueueObserver {
    this.#adds.add([name], 0);
    this.#retries.add([name], 0);
    const queue = new OneQueue(name, this.#clock, {
      added: () => this.#adds.add([name]),
      retried: () => this.#retries.add([name]),
      waited: (seconds) => this.#waited.observe([name], seconds),
      worked: (seconds) => this.#worked.observe([name], seconds),
    });
    this.#queues.push(queue);
    return queue;
  }
}

interface Told {
  added(): void;
  retried(): void;
  waited(seconds: number): void;
  worked(seconds: number): void;
}

class OneQueue implements QueueObserver {
  readonly name: string;
  readonly #clock: Clock;
  readonly #told: Told;
  readonly #queuedMs = new Map<string, number>();
  readonly #takenMs = new Map<string, number>();

  constructor(name: string, clock: Clock, told: Told) {
    this.name = name;
    this.#clock = clock;
    this.#told = told;
  }

  get depth(): number {
    return this.#queuedMs.size;
  }

  unfinished(): number[] {
    return [...this.#takenMs.values()].map((ms) => this.#since(ms));
  }

  added(key: string): void {
    this.#told.added();
    if (!this.#queuedMs.has(key)) this.#queuedMs.set(key, this.#clock.monotonicMs());
  }

  retried(): void {
    this.#told.retried();
  }

  taken(key: string): void {
    const queuedMs = this.#queuedMs.get(key);
    this.#queuedMs.delete(key);
    this.#takenMs.set(key, this.#clock.monotonicMs());
    if (queuedMs !== undefined) this.#told.waited(this.#since(queuedMs));
  }

  done(key: string): void {
    const takenMs = this.#takenMs.get(key);
    this.#takenMs.delete(key);
    if (takenMs !== undefined) this.#told.worked(this.#since(takenMs));
  }

  cleared(): void {
    this.#queuedMs.clear();
  }

  #since(ms: number): number {
    return (this.#clock.monotonicMs() - ms) / MS_PER_SECOND;
  }
}
