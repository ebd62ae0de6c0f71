/**
 * What the scheduler says of itself, under upstream's names.
 *
 * Source: the metrics reference of v1.36, scheduler_…; upstream pkg/scheduler/metrics.
 */
import type { Clock } from '#base/env.ts';
import {
  alpha,
  beta,
  type Counter,
  exponentialBuckets,
  type Histogram,
  type MetricRegistry,
  stable,
} from '#base/metrics.ts';
import type { Attempts, QueueCounts, QueuePart, SchedulingQueue } from './queue.ts';
import type { Snapshot } from './snapshot.ts';

const MS_PER_SECOND = 1000;
/** From here on attempts are not told apart. */
const ATTEMPTS_MANY = 15;

const ATTEMPTS = stable(
  'scheduler_schedule_attempts_total',
  'Attempts to place pods, by what came of them.',
  'result',
  'profile',
);
const ATTEMPT_SECONDS = stable(
  'scheduler_scheduling_attempt_duration_seconds',
  'How long attempts took, with the binding.',
  'result',
  'profile',
);
const ATTEMPTS_OF_POD = stable(
  'scheduler_pod_scheduling_attempts',
  'How many attempts pods took that were placed.',
);
const POD_SECONDS = beta(
  'scheduler_pod_scheduling_sli_duration_seconds',
  'From when a pod could first be tried until it was bound.',
  'attempts',
);
const PREEMPTIONS = stable(
  'scheduler_preemption_attempts_total',
  'Attempts to make room by evicting pods.',
);
const VICTIMS = stable('scheduler_preemption_victims', 'Pods that were chosen to be evicted.');
const MOVES = stable(
  'scheduler_queue_incoming_pods_total',
  'Pods that came into a part of the queue, and why.',
  'queue',
  'event',
);
const PENDING = stable('scheduler_pending_pods', 'Pods in each part of the queue.', 'queue');
const REFUSED = beta(
  'scheduler_unschedulable_pods',
  'Pods that a plug-in has refused; a pod counts for each such plug-in.',
  'plugin',
  'profile',
);
const BINDINGS = beta('scheduler_goroutines', 'Bindings that are under way.', 'operation');
const CACHE = alpha('scheduler_cache_size', 'Nodes, pods and assumed pods that are known.', 'type');

export type AttemptResult = 'scheduled' | 'unschedulable' | 'error';

export class SchedulerMetrics {
  readonly #clock: Clock;
  readonly #attempts: Counter;
  readonly #attemptSeconds: Histogram;
  readonly #attemptsOfPod: Histogram;
  readonly #podSeconds: Histogram;
  readonly #preemptions: Counter;
  readonly #victims: Histogram;
  readonly #moves: Counter;

  constructor(registry: MetricRegistry, clock: Clock) {
    this.#clock = clock;
    const seconds = exponentialBuckets(0.001, 2, 15);
    this.#attempts = registry.counter(ATTEMPTS);
    this.#attemptSeconds = registry.histogram(ATTEMPT_SECONDS, seconds);
    this.#attemptsOfPod = registry.histogram(ATTEMPTS_OF_POD, exponentialBuckets(1, 2, 5));
    this.#podSeconds = registry.histogram(POD_SECONDS, exponentialBuckets(0.01, 2, 20));
    this.#preemptions = registry.counter(PREEMPTIONS);
    this.#victims = registry.histogram(VICTIMS, exponentialBuckets(1, 2, 7));
    this.#moves = registry.counter(MOVES);
  }

  /** An attempt is over, of a pod that is still in the queue. */
  attempted(
    attempts: Attempts | undefined,
    { result, profile }: { readonly result: AttemptResult; readonly profile: string },
  ): void {
    // Who has gone meanwhile has no attempts any more.
    if (attempts === undefined) return;
    const { count, firstMs, beganMs } = attempts;
    const nowMs = this.#clock.monotonicMs();
    this.#attempts.add([result, profile]);
    this.#attemptSeconds.observe([result, profile], (nowMs - beganMs) / MS_PER_SECOND);
    if (result !== 'scheduled') return;
    this.#attemptsOfPod.observe([], count);
    const label = count >= ATTEMPTS_MANY ? `${ATTEMPTS_MANY}+` : String(count);
    this.#podSeconds.observe([label], (nowMs - firstMs) / MS_PER_SECOND);
  }

  preempts(): void {
    this.#preemptions.add([]);
  }

  victimsChosen(count: number): void {
    this.#victims.observe([], count);
  }

  moved(to: QueuePart, why: string): void {
    this.#moves.add([to, why]);
  }
}

/** What is counted only when somebody looks. */
export function observeScheduler(
  registry: MetricRegistry,
  {
    queue,
    snapshot,
    bindings,
  }: {
    readonly queue: SchedulingQueue;
    readonly snapshot: Pick<Snapshot, 'counts'>;
    readonly bindings: () => number;
  },
): void {
  // One thread does everything else.
  registry.observed(BINDINGS, () => [[['binding'], bindings()]]);
  registry.observed(PENDING, () => {
    const counts: QueueCounts = queue.counts();
    return Object.entries(counts).map(([part, pods]) => [[part], pods] as const);
  });
  registry.observed(REFUSED, () =>
    queue
      .refusals()
      .map(({ plugin, schedulerName, pods }) => [[plugin, schedulerName], pods] as const),
  );
  registry.observed(CACHE, () => {
    const { nodes, pods, assumedPods } = snapshot.counts();
    return [
      [['nodes'], nodes],
      [['pods'], pods],
      [['assumed_pods'], assumedPods],
    ];
  });
}
