/**
 * How long the extension points, plug-ins, hints and events take, and how often plug-ins are asked,
 * under upstream's names.
 *
 * What is noted of a point costs two looks at the clock for each cycle. Plug-ins and hints are timed
 * one by one in one of ten cycles, and there at the first nodes only: with so many nodes, looking at
 * the clock for each would cost more than what is measured.
 *
 * Source: upstream v1.36 pkg/scheduler/metrics/metrics.go, framework/runtime/framework.go and
 * instrumented_plugins.go.
 */
import type { Clock } from '#base/env.ts';
import {
  alpha,
  beta,
  exponentialBuckets,
  type Histogram,
  type MetricRegistry,
  stable,
} from '#base/metrics.ts';
import { type ClusterEvent, eventLabel } from './cluster-events.ts';
import { takesPart } from './config/points.ts';
import type { Verdict } from './framework.ts';

const MS_PER_SECOND = 1000;
const SAMPLED_OF = 10;
/** Nodes of a sampled cycle at which plug-ins are timed. */
const SAMPLED_NODES_MAX = 10;

const POINT_SECONDS = stable(
  'scheduler_framework_extension_point_duration_seconds',
  'How long all plug-ins of an extension point took.',
  'extension_point',
  'status',
  'profile',
);
const PLUGIN_SECONDS = alpha(
  'scheduler_plugin_execution_duration_seconds',
  'How long a plug-in took at an extension point.',
  'plugin',
  'extension_point',
  'status',
);
const EVALUATIONS = beta(
  'scheduler_plugin_evaluation_total',
  'How often plug-ins were asked at an extension point.',
  'plugin',
  'extension_point',
  'profile',
);
const HINT_SECONDS = alpha(
  'scheduler_queueing_hint_execution_duration_seconds',
  'How long it took a plug-in to say whether an event helps a pod.',
  'plugin',
  'event',
  'hint',
);
const EVENT_SECONDS = alpha(
  'scheduler_event_handling_duration_seconds',
  'How long it took to see to an event.',
  'event',
);
const DECISION_SECONDS = alpha(
  'scheduler_scheduling_algorithm_duration_seconds',
  'How long decisions took, without the binding.',
);

const COUNTED = ['PreFilter', 'Filter', 'PreScore', 'Score'] as const;
type Counted = (typeof COUNTED)[number];
const CONFIGURED = {
  PreFilter: 'preFilter',
  Filter: 'filter',
  PreScore: 'preScore',
  Score: 'score',
} as const;

export type MeteredPoint =
  | Counted
  | 'PostFilter'
  | 'Reserve'
  | 'Unreserve'
  | 'Permit'
  | 'PreBind'
  | 'Bind';

export type PointStatus = Verdict['kind'] | 'Success' | 'Skip' | 'Error' | 'Wait';

/** Of one plug-in in one profile. */
type Evaluations = Record<Counted, number>;

export class FrameworkMetrics {
  readonly #clock: Clock;
  readonly #points: Histogram;
  readonly #plugins: Histogram;
  readonly #hints: Histogram;
  readonly #events: Histogram;
  readonly #decisions: Histogram;
  /** By profile and plug-in. */
  readonly #evaluations = new Map<string, Map<string, Evaluations>>();
  #cycles = 0;
  #hintsAsked = 0;

  constructor(registry: MetricRegistry, clock: Clock) {
    this.#clock = clock;
    const fine = exponentialBuckets(0.0001, 2, 12);
    const finest = exponentialBuckets(0.00001, 1.5, 20);
    this.#points = registry.histogram(POINT_SECONDS, fine);
    this.#plugins = registry.histogram(PLUGIN_SECONDS, finest);
    this.#hints = registry.histogram(HINT_SECONDS, finest);
    this.#events = registry.histogram(EVENT_SECONDS, fine);
    this.#decisions = registry.histogram(DECISION_SECONDS, exponentialBuckets(0.001, 2, 15));
    registry.observed(EVALUATIONS, () => this.#shown(), 'counter');
  }

  /** Of a cycle that begins now. */
  meter(profile: string): CycleMeter {
    const isSampled = this.#cycles++ % SAMPLED_OF === 0;
    let evaluations = this.#evaluations.get(profile);
    if (evaluations === undefined) this.#evaluations.set(profile, (evaluations = new Map()));
    return new CycleMeter({ metrics: this, profile, isSampled, evaluations });
  }

  /** Milliseconds, of no meaning but against one another. */
  now(): number {
    return this.#clock.monotonicMs();
  }

  point(labels: readonly [MeteredPoint, PointStatus, string], sinceMs: number): void {
    this.#points.observe(labels, this.#seconds(sinceMs));
  }

  plugin(labels: readonly [string, MeteredPoint, PointStatus], sinceMs: number): void {
    this.#plugins.observe(labels, this.#seconds(sinceMs));
  }

  decided(sinceMs: number): void {
    this.#decisions.observe([], this.#seconds(sinceMs));
  }

  /** Whether the next hint is to be timed. */
  samplesHint(): boolean {
    return this.#hintsAsked++ % SAMPLED_OF === 0;
  }

  hinted(plugin: string, event: ClusterEvent, said: { helps: boolean; sinceMs: number }): void {
    const labels = [plugin, eventLabel(event), said.helps ? 'Queue' : 'QueueSkip'];
    this.#hints.observe(labels, this.#seconds(said.sinceMs));
  }

  /** `event`: as upstream calls it. */
  handled(event: string, sinceMs: number): void {
    this.#events.observe([event], this.#seconds(sinceMs));
  }

  #seconds(sinceMs: number): number {
    return (this.#clock.monotonicMs() - sinceMs) / MS_PER_SECOND;
  }

  /** Here every filter has a preFilter, and every score a preScore: those that it has upstream. */
  *#shown(): Generator<readonly [readonly string[], number]> {
    for (const [profile, plugins] of this.#evaluations)
      for (const [plugin, counts] of plugins)
        for (const point of COUNTED)
          if (counts[point] > 0 && takesPart(plugin, CONFIGURED[point]))
            yield [[plugin, point, profile], counts[point]];
  }
}

interface MeterOptions {
  readonly metrics: FrameworkMetrics;
  readonly profile: string;
  readonly isSampled: boolean;
  readonly evaluations: Map<string, Evaluations>;
}

/** What is noted of one cycle. */
export class CycleMeter {
  readonly #options: MeterOptions;

  constructor(options: MeterOptions) {
    this.#options = options;
  }

  /** At how many nodes plug-ins are timed one by one. */
  get sampledNodes(): number {
    return this.#options.isSampled ? SAMPLED_NODES_MAX : 0;
  }

  now(): number {
    return this.#options.metrics.now();
  }

  /** All plug-ins of the point have been asked. */
  point(point: MeteredPoint, status: PointStatus, sinceMs: number): void {
    const { metrics, profile } = this.#options;
    metrics.point([point, status, profile], sinceMs);
  }

  decided(sinceMs: number): void {
    this.#options.metrics.decided(sinceMs);
  }

  /** Asks a plug-in at a point; in a sampled cycle with a look at the clock. */
  ask<R>(plugin: string, point: Counted, question: Question<R>): R {
    const { metrics, isSampled } = this.#options;
    if (!isSampled || !takesPart(plugin, CONFIGURED[point])) return question.ask();
    const startMs = metrics.now();
    const answer = question.ask();
    metrics.plugin([plugin, point, question.status(answer)], startMs);
    return answer;
  }

  /** It was asked so many times. */
  asked(plugin: string, point: Counted, times = 1): void {
    const { evaluations } = this.#options;
    let counts = evaluations.get(plugin);
    if (counts === undefined)
      evaluations.set(plugin, (counts = { PreFilter: 0, Filter: 0, PreScore: 0, Score: 0 }));
    counts[point] += times;
  }
}

export interface Question<R> {
  ask(): R;
  status(answer: R): PointStatus;
}
