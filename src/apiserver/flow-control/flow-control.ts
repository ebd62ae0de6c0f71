/**
 * API priority and fairness: which priority level a request is of, and when it may run there.
 *
 * It follows the FlowSchemas and PriorityLevelConfigurations in the watch cache. A change is taken
 * up with the next request.
 *
 * Source: KEP-1040; upstream v1.36
 * staging/src/k8s.io/apiserver/pkg/util/flowcontrol/apf_controller.go.
 */
import type { FlowSchema, PriorityLevelConfiguration } from '#api/gen/flowcontrol-v1.ts';
import type { Environment, Timer } from '#base/env.ts';
import type { MetricRegistry } from '#base/metrics.ts';
import type { ObjectReader } from '../admission/admission.ts';
import { FLOW_SCHEMAS, PRIORITY_LEVELS } from '../admission/targets.ts';
import type { User } from '../context.ts';
import { CurrentRequests } from '../metrics/current-requests.ts';
import type { RequestInfo } from '../request-info.ts';
import { borrow, limitsOf } from './borrowing.ts';
import { type Configuration, configured, EMPTY, type Schema } from './levels.ts';
import { FlowControlMetrics } from './metrics.ts';
import { CATCH_ALL, type PriorityLevel } from './priority-level.ts';
import type { Ticket } from './queue.ts';
import { SchemaCounts } from './schema-counts.ts';
import { WatchCounts } from './watch-counts.ts';
import { type CollectionSize, estimateWork, type WorkFacts } from './work-estimate.ts';

/** How often seats are lent anew. */
const PERIOD_MS = 10_000;

export interface FlowControlOptions {
  readonly environment: Environment;
  readonly reader: ObjectReader;
  readonly metrics: MetricRegistry;
  /** Seats of the whole server. */
  readonly seats: number;
  sizeOf(info: RequestInfo): CollectionSize | undefined;
  /** The gates SizeBasedListCostEstimate and WatchList. */
  readonly bySize: boolean;
  readonly watchList: boolean;
}

export class FlowControl {
  readonly watches = new WatchCounts();
  readonly metrics: FlowControlMetrics;
  readonly current: CurrentRequests;
  readonly #options: FlowControlOptions;
  readonly #facts: WorkFacts;
  #configuration: Configuration = EMPTY;
  #isStale = true;
  /** By level and schema. Those of schemas that are gone go with them. */
  #counts = new Map<string, SchemaCounts>();
  #fraction = 0;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(options: FlowControlOptions) {
    this.#options = options;
    const { environment, reader, bySize, watchList } = options;
    this.#facts = {
      bySize,
      watchList,
      sizeOf: (info) => options.sizeOf(info),
      watchesOf: (info) => this.watches.interestedIn(info),
    };
    this.metrics = new FlowControlMetrics(options.metrics, {
      levels: () => this.levels,
      counts: () => this.#counts.values(),
      fraction: () => this.#fraction,
      clock: environment.clock,
    });
    this.current = new CurrentRequests(options.metrics, environment.clock, [
      'waiting',
      'executing',
    ]);
    for (const target of [FLOW_SCHEMAS, PRIORITY_LEVELS])
      reader.follow(target, () => {
        this.#isStale = true;
      });
  }

  /** Once the cache has all objects. */
  start(): void {
    this.#isStale = true;
    this.#schedule();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  /** The levels as they are now, by name. */
  get levels(): readonly PriorityLevel[] {
    this.#refresh();
    return [...this.#configuration.levels.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  schemaOf(user: User, info: RequestInfo): Schema {
    this.#refresh();
    const { schemas } = this.#configuration;
    for (const schema of schemas) if (schema.matches(user, info)) return schema;
    // Whoever no rule knows is one of all.
    const last = schemas.find(({ name }) => name === CATCH_ALL);
    if (last === undefined) throw new Error('there is no flow schema for all');
    return last;
  }

  /** A ticket that runs or waits; undefined where there is no room. */
  enter(schema: Schema, user: User, info: RequestInfo, isPatient: boolean): Ticket | undefined {
    const { level } = schema;
    const { work, watches } = estimateWork(info, this.#facts, level.requestSeatsMax);
    if (watches !== undefined) this.metrics.watches(schema.counts, watches);
    const ticket = level.queues.start({
      schema: schema.name,
      distinguisher: level.tellsFlowsApart ? distinguisherOf(schema, user, info) : '',
      counts: schema.counts,
      source: { user, info },
      work,
      isPatient,
    });
    this.metrics.entered(schema.counts, work, ticket);
    return ticket;
  }

  #refresh(): void {
    if (!this.#isStale) return;
    this.#isStale = false;
    const { reader, environment } = this.#options;
    const counts = new Map<string, SchemaCounts>();
    this.#configuration = configured(
      {
        schemas: [...reader.list(FLOW_SCHEMAS)] as FlowSchema[],
        levels: [...reader.list(PRIORITY_LEVELS)] as PriorityLevelConfiguration[],
      },
      this.#configuration,
      {
        environment,
        countsOf: (level, schema) => {
          const key = `${level}\u0000${schema}`;
          const kept = this.#counts.get(key) ?? new SchemaCounts(level, schema);
          counts.set(key, kept);
          return kept;
        },
        onIdle: (level) => {
          if (level.isQuiescing) this.#isStale = true;
        },
      },
    );
    this.metrics.forget([...this.#counts].flatMap(([key, one]) => (counts.has(key) ? [] : [one])));
    this.#counts = counts;
    this.#setLimits();
    this.#lend();
  }

  #setLimits(): void {
    const levels = [...this.#configuration.levels.values()];
    const shareSum = levels.reduce((sum, { shares }) => sum + shares, 0);
    for (const level of levels) {
      const { limited, exempt } = level.spec;
      const isNew = level.limits.max === 0;
      level.limits = limitsOf(this.#options.seats, shareSum, {
        shares: level.shares,
        lendablePercent: (limited ?? exempt)?.lendablePercent,
        borrowingLimitPercent: limited?.borrowingLimitPercent,
      });
      const { nominal, min } = level.limits;
      if (isNew) level.current = nominal - Math.floor((nominal - min) / 2);
    }
    const sumOf = (valueOf: (level: PriorityLevel) => number): number =>
      Math.max(
        1,
        levels.reduce((sum, level) => sum + valueOf(level), 0),
      );
    this.current.setLimits(
      {
        waiting: sumOf(({ waitingMax }) => waitingMax),
        executing: sumOf(({ limits }) => limits.nominal),
      },
      this.#options.environment.clock.monotonicMs(),
    );
  }

  /** Ends a period: who needs more gets it from those who need less. */
  #lend(): void {
    const levels = [...this.#configuration.levels.values()];
    const needs = levels.map((level) => ({
      ...level.limits,
      ...level.demand.endPeriod(),
      isExempt: level.isExempt,
      current: level.current,
    }));
    const { seats, targets, fraction } = borrow(needs);
    this.#fraction = fraction;
    for (const [i, level] of levels.entries()) {
      level.target = targets[i] ?? 0;
      level.setSeats(seats[i] ?? 0, this.#options.seats);
    }
  }

  #schedule(): void {
    if (this.#isStopped) return;
    this.#timer = this.#options.environment.timers.after(PERIOD_MS, () => {
      this.#refresh();
      this.#lend();
      this.#schedule();
    });
  }
}

function distinguisherOf({ distinguisher }: Schema, user: User, info: RequestInfo): string {
  if (distinguisher === 'ByUser') return user.name;
  return distinguisher === 'ByNamespace' ? info.namespace : '';
}
