/**
 * What priority and fairness does, with upstream's names, labels, buckets and stability.
 *
 * Numbers that change with each request are plain ones, which are asked for when somebody looks.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/util/flowcontrol/metrics/metrics.go.
 */
import type { Clock } from '#base/env.ts';
import {
  alpha,
  beta,
  type Histogram,
  type MetricHead,
  type MetricRegistry,
} from '#base/metrics.ts';
import type { TimingRatio } from '#base/timing-ratio.ts';
import { SERVICE_SECONDS, type Ticket, type WorkEstimate } from './queue.ts';
import type { PriorityLevel } from './priority-level.ts';
import type { SchemaCounts } from './schema-counts.ts';
import { DEMAND_BUCKETS, REQUEST_BUCKETS, SEAT_BUCKETS, type Utilization } from './utilization.ts';

const PREFIX = 'apiserver_flowcontrol';
const LEVEL = 'priority_level';
const SCHEMA = 'flow_schema';
const DURATIONS = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30];
const LENGTHS = [0, 10, 25, 50, 100, 250, 500, 1000];
const SEATS = [1, 2, 4, 8, 16, 32, 64, 100];
const WATCHES = [0, 1, 10, 100, 1000, 10000];

export interface MetricSources {
  readonly levels: () => readonly PriorityLevel[];
  readonly counts: () => Iterable<SchemaCounts>;
  /** Of each wish for seats that was granted in the last period. */
  readonly fraction: () => number;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

export class FlowControlMetrics {
  readonly #registry: MetricRegistry;
  readonly #sources: MetricSources;
  readonly #waits: Histogram;
  readonly #durations: Histogram;
  readonly #lengths: Histogram;
  readonly #seats: Histogram;
  readonly #watches: Histogram;

  constructor(registry: MetricRegistry, sources: MetricSources) {
    this.#registry = registry;
    this.#sources = sources;
    const histogram = (head: MetricHead, buckets: readonly number[]) =>
      registry.histogram(head, buckets);
    this.#waits = histogram(
      beta(
        `${PREFIX}_request_wait_duration_seconds`,
        'How long requests waited in their queue.',
        LEVEL,
        SCHEMA,
        'execute',
      ),
      DURATIONS,
    );
    this.#durations = histogram(
      alpha(
        `${PREFIX}_request_execution_seconds`,
        'How long requests held the seats of their first phase.',
        LEVEL,
        SCHEMA,
        'type',
      ),
      DURATIONS,
    );
    this.#lengths = histogram(
      alpha(
        `${PREFIX}_request_queue_length_after_enqueue`,
        'How long a queue was with the request that came into it.',
        LEVEL,
        SCHEMA,
      ),
      LENGTHS,
    );
    this.#seats = histogram(
      alpha(`${PREFIX}_work_estimated_seats`, 'Seats that requests take.', LEVEL, SCHEMA),
      SEATS,
    );
    this.#watches = histogram(
      alpha(
        `${PREFIX}_watch_count_samples`,
        'Watches that are told of what a request changes.',
        LEVEL,
        SCHEMA,
      ),
      WATCHES,
    );
    this.#observeLevels();
    this.#observeSchemas();
    this.#observeTimes();
  }

  watches({ level, schema }: SchemaCounts, count: number): void {
    this.#watches.observe([level, schema], count);
  }

  /** A request has come into its level, or has been refused there. */
  entered({ level, schema }: SchemaCounts, work: WorkEstimate, ticket: Ticket | undefined): void {
    const labels = [level, schema];
    this.#seats.observe(labels, Math.max(work.initialSeats, work.finalSeats));
    const queue = ticket?.queue;
    if (queue !== undefined) this.#lengths.observe(labels, Math.max(1, queue.waiting.size));
  }

  /** A request of a level that is not exempt runs, or gave up, after so long. */
  waited({ level, schema }: SchemaCounts, runs: boolean, ms: number): void {
    this.#waits.observe([level, schema, String(runs)], ms / 1000);
  }

  ran({ level, schema }: SchemaCounts, type: 'regular' | 'watch', ms: number): void {
    this.#durations.observe([level, schema, type], ms / 1000);
  }

  /** Schemas are gone: so is what was measured of them. */
  forget(gone: readonly SchemaCounts[]): void {
    for (const { level, schema } of gone) {
      const labels = [level, schema];
      for (const histogram of [this.#lengths, this.#seats, this.#watches]) histogram.remove(labels);
      for (const runs of ['true', 'false']) this.#waits.remove([...labels, runs]);
      for (const type of ['regular', 'watch']) this.#durations.remove([...labels, type]);
    }
  }

  #observeSchemas(): void {
    const { counts } = this.#sources;
    const each = (
      head: MetricHead,
      valueOf: (one: SchemaCounts) => number,
      type?: 'counter' | 'gauge',
    ): void =>
      this.#registry.observed(
        head,
        () => [...counts()].map((one) => [[one.level, one.schema], valueOf(one)] as const),
        type,
      );
    const named = (stability: typeof alpha, name: string, help: string): MetricHead =>
      stability(`${PREFIX}_${name}`, help, LEVEL, SCHEMA);
    each(
      named(beta, 'dispatched_requests_total', 'Requests that ran.'),
      (one) => one.dispatched,
      'counter',
    );
    each(
      named(beta, 'current_inqueue_requests', 'Requests that wait.'),
      (one) => one.waitingRequests,
    );
    each(named(alpha, 'current_inqueue_seats', 'Seats waited for.'), (one) => one.waitingSeats);
    each(
      named(beta, 'current_executing_requests', 'Requests that run.'),
      (one) => one.executingRequests,
    );
    each(named(beta, 'current_executing_seats', 'Seats in use.'), (one) => one.executingSeats);
    each(
      named(
        alpha,
        'request_dispatch_no_accommodation_total',
        'How often a request was due and found too few seats.',
      ),
      (one) => one.notAccommodated,
      'counter',
    );
    this.#registry.observed(
      beta(
        `${PREFIX}_rejected_requests_total`,
        'Requests that were refused.',
        LEVEL,
        SCHEMA,
        'reason',
      ),
      () =>
        [...counts()].flatMap(({ level, schema, rejected }) =>
          [...rejected].map(([reason, count]) => [[level, schema, reason], count] as const),
        ),
      'counter',
    );
  }

  /** Nanoseconds by how far something of a level was in use. */
  #observeTimes(): void {
    const { levels, clock } = this.#sources;
    const each = (
      { name, help, labels }: Pick<MetricHead, 'name' | 'help' | 'labels'>,
      buckets: readonly number[],
      ratiosOf: (times: Utilization) => Readonly<Record<string, TimingRatio>>,
    ): void =>
      this.#registry.observedHistogram(
        alpha(`${PREFIX}_${name}`, `Nanoseconds by ${help}.`, ...labels),
        buckets,
        () =>
          levels().flatMap((level) =>
            Object.entries(ratiosOf(level.utilization)).map(([phase, ratio]) => ({
              labels: labels.map((label) => (label === LEVEL ? level.name : phase)),
              ...ratio.until(clock.monotonicMs()),
            })),
          ),
      );
    const inPhases = { labels: ['phase', LEVEL] };
    each(
      {
        name: 'priority_level_request_utilization',
        help: 'how many requests waited, as a part of what the queues take, or ran, as a part of the seats',
        ...inPhases,
      },
      REQUEST_BUCKETS,
      ({ waiting, executing }) => ({ waiting, executing }),
    );
    each(
      {
        name: 'priority_level_seat_utilization',
        help: 'which part of the seats was in use',
        ...inPhases,
      },
      SEAT_BUCKETS,
      ({ seats }) => ({ executing: seats }),
    );
    each(
      {
        name: 'demand_seats',
        help: 'how many seats a level could have used, as a part of those that it had',
        labels: [LEVEL],
      },
      DEMAND_BUCKETS,
      ({ demand }) => ({ demand }),
    );
  }

  #observeLevels(): void {
    const { levels, fraction } = this.#sources;
    const each = (
      name: string,
      help: string,
      valueOf: (level: PriorityLevel) => number,
      stability = alpha,
    ): void =>
      this.#registry.observed(stability(`${PREFIX}_${name}`, help, LEVEL), () =>
        levels().map((level) => [[level.name], valueOf(level)] as const),
      );
    each(
      'nominal_limit_seats',
      'Seats that are a level’s own.',
      ({ limits }) => limits.nominal,
      beta,
    );
    each('lower_limit_seats', 'Seats that a level cannot lend.', ({ limits }) => limits.min);
    each('upper_limit_seats', 'Seats of a level that borrows.', ({ limits }) => limits.max);
    each('current_limit_seats', 'Seats of a level for now.', ({ current }) => current);
    each('target_seats', 'Seats that a level would like.', ({ target }) => target);
    const demand = (name: string, of: (level: PriorityLevel) => number): void =>
      each(`demand_seats_${name}`, 'Seats that a level could have used in the last period.', of);
    demand('high_watermark', (level) => level.demand.stats.highWatermark);
    demand('average', (level) => level.demand.stats.average);
    demand('stdev', (level) => level.demand.stats.deviation);
    demand('smoothed', (level) => level.demand.stats.smoothed);
    each('current_r', 'The progress of a level.', ({ queues }) => queues.progress);
    each(
      'dispatch_r',
      'The progress when a request ran last.',
      ({ queues }) => queues.lastDispatch.progress,
    );
    each(
      'latest_s',
      'The progress at which that request was due.',
      ({ queues }) => queues.lastDispatch.due,
    );
    const bounds = (name: string, help: string, discount: number): void =>
      this.#registry.observed(alpha(`${PREFIX}_${name}`, help, LEVEL, 'bound'), () =>
        levels().flatMap((level) => boundsOf(level, discount)),
      );
    bounds('next_s_bounds', 'When the next requests of the queues are due.', 0);
    bounds(
      'next_discounted_s_bounds',
      'The same without the work that is under way.',
      SERVICE_SECONDS,
    );
    this.#registry.observed(
      alpha(`${PREFIX}_seat_fair_frac`, 'The part of each wish for seats that is granted.'),
      () => [[[], fraction()]],
    );
  }
}

function boundsOf(level: PriorityLevel, discount: number) {
  const due = level.queues.queues
    .filter(({ waiting }) => waiting.size > 0)
    .map(({ nextDispatch, seatsInUse }) => nextDispatch - seatsInUse * discount);
  if (due.length === 0) return [];
  return [
    [[level.name, 'min'], Math.min(...due)],
    [[level.name, 'max'], Math.max(...due)],
  ] as const;
}
