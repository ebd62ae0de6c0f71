/**
 * Without priority and fairness: limits on requests that run at a time, reads and writes apart, as
 * upstream's --max-requests-inflight and --max-mutating-requests-inflight: 0 is no limit. Watches, logs
 * and streams do not count, and the cluster's own masters are never refused.
 *
 * Who is at the limit is refused (429), but for the components of this process: they wait for a
 * place, in order. A refusal would make them come back a second later, when the place has long been
 * free, and they cannot flood a server that they run in.
 */
import type { Clock } from '#base/env.ts';
import type { MetricRegistry } from '#base/metrics.ts';
import { tooManyRequests } from '#api/meta/status.ts';
import { MASTERS_GROUP, type RequestContext } from '../context.ts';
import { CurrentRequests, type RequestCount, requestKindOf } from '../metrics/current-requests.ts';
import type { Filter } from './filter.ts';
import { isLongRunning } from './long-running.ts';

export interface InFlightLimits {
  readonly reads: number;
  readonly writes: number;
}

export interface InFlightServices {
  readonly registry: MetricRegistry;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

/** Components' requests that wait; beyond that they are refused as well. */
const WAITING_MAX = 20_000;

/** Places for so many requests, and the queue of those that wait for one. */
class Places {
  readonly #limit: number;
  readonly #waiting: (() => void)[] = [];
  #first = 0;
  readonly #count: RequestCount;
  readonly #clock: InFlightServices['clock'];
  #taken = 0;

  constructor(limit: number, count: RequestCount, clock: InFlightServices['clock']) {
    this.#limit = limit;
    this.#count = count;
    this.#clock = clock;
    count.ratio.setDenominator(limit, clock.monotonicMs());
  }

  /** Resolves with a place taken. Throws 429 when there is none and `context` may not wait. */
  take(context: RequestContext): Promise<void> | undefined {
    if (this.#taken < this.#limit || context.user.groups.includes(MASTERS_GROUP)) {
      this.#take(1);
      return undefined;
    }
    const isComponent = context.request.peer?.component !== undefined;
    if (!isComponent || this.#waiting.length - this.#first >= WAITING_MAX)
      throw tooManyRequests('Too many requests, please try again later.', 1);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Gives a place back: to who has waited longest, if anybody does. */
  release(): void {
    const next = this.#taken <= this.#limit ? this.#waiting[this.#first] : undefined;
    if (next === undefined) {
      this.#take(-1);
      return;
    }
    this.#first += 1;
    if (this.#first === this.#waiting.length) {
      this.#waiting.length = 0;
      this.#first = 0;
    }
    next();
  }

  /** Masters above the limit are no part of it. */
  #take(places: number): void {
    this.#taken += places;
    this.#count.set(Math.min(this.#taken, this.#limit), this.#clock.monotonicMs());
  }
}

export function inFlightFilter(
  limits: InFlightLimits,
  { registry, clock }: InFlightServices,
): Filter {
  const { executing } = new CurrentRequests(registry, clock, ['executing']);
  const placesOf = (limit: number, count: RequestCount): Places | undefined =>
    limit === 0 ? undefined : new Places(limit, count, clock);
  const places = {
    readOnly: placesOf(limits.reads, executing.readOnly),
    mutating: placesOf(limits.writes, executing.mutating),
  };
  return {
    name: 'in-flight',
    async handle(context, next) {
      if (isLongRunning(context.info)) return next();
      const ofKind = places[requestKindOf(context.info.verb)];
      if (ofKind === undefined) return next();
      const wait = ofKind.take(context);
      if (wait !== undefined) await wait;
      try {
        return await next();
      } finally {
        ofKind.release();
      }
    },
  };
}
