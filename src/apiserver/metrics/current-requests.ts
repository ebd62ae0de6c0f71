/**
 * Requests that run, and that wait until they may, reads and writes apart: over time, as parts of
 * what is allowed, and how many at most in the last second.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/util/flowcontrol/metrics/metrics.go
 * (readWriteConcurrencyGaugeVec); pkg/server/filters/maxinflight.go.
 */
import type { Clock } from '#base/env.ts';
import { alpha, type MetricHead, type MetricRegistry, stable } from '#base/metrics.ts';
import { TimingRatio } from '#base/timing-ratio.ts';

export type RequestKind = 'readOnly' | 'mutating';
export type RequestPhase = 'waiting' | 'executing';

const READS = new Set(['get', 'list', 'watch', 'head', 'options', 'history', 'diff']);
const BUCKETS = [0, 0.001, 0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1];
const KINDS: readonly RequestKind[] = ['readOnly', 'mutating'];
const PEAKS: Readonly<Record<RequestPhase, MetricHead>> = {
  executing: stable(
    'apiserver_current_inflight_requests',
    'How many requests ran at a time, at most, in the last whole second.',
    'request_kind',
  ),
  waiting: alpha(
    'apiserver_current_inqueue_requests',
    'How many requests waited at a time, at most, in the last whole second.',
    'request_kind',
  ),
};

export function requestKindOf(verb: string): RequestKind {
  return READS.has(verb) ? 'readOnly' : 'mutating';
}

/** Requests of one kind in one phase. */
export class RequestCount {
  readonly ratio: TimingRatio;
  #second: number;
  /** The most at a time, in this second and in the one before. */
  #most = 0;
  #mostBefore = 0;

  constructor(nowMs: number) {
    this.ratio = new TimingRatio(BUCKETS, nowMs);
    this.#second = secondOf(nowMs);
  }

  set(count: number, nowMs: number): void {
    this.#begin(secondOf(nowMs));
    this.ratio.set(count, nowMs);
    if (count > this.#most) this.#most = count;
  }

  add(by: number, nowMs: number): void {
    this.set(this.ratio.numerator + by, nowMs);
  }

  /** The most at a time in the second before this one. */
  peak(nowMs: number): number {
    this.#begin(secondOf(nowMs));
    return this.#mostBefore;
  }

  #begin(second: number): void {
    if (second <= this.#second) return;
    const count = this.ratio.numerator;
    this.#mostBefore = second === this.#second + 1 ? this.#most : count;
    this.#most = count;
    this.#second = second;
  }
}

type PhaseRequests = Readonly<Record<RequestKind, RequestCount>>;

export class CurrentRequests {
  readonly executing: PhaseRequests;
  readonly waiting: PhaseRequests;

  /** `phases`: those that there are; where nobody waits there is nothing to show of it. */
  constructor(
    registry: MetricRegistry,
    clock: Pick<Clock, 'monotonicMs'>,
    phases: readonly RequestPhase[],
  ) {
    const nowMs = clock.monotonicMs();
    const phase = (): PhaseRequests => ({
      readOnly: new RequestCount(nowMs),
      mutating: new RequestCount(nowMs),
    });
    this.executing = phase();
    this.waiting = phase();
    registry.observedHistogram(
      alpha(
        'apiserver_flowcontrol_read_vs_write_current_requests',
        'Nanoseconds by how many requests waited or ran, as a part of what is allowed.',
        'phase',
        'request_kind',
      ),
      BUCKETS,
      () =>
        phases.flatMap((name) =>
          KINDS.map((kind) => ({
            labels: [name, kind],
            ...this[name][kind].ratio.until(clock.monotonicMs()),
          })),
        ),
    );
    for (const name of phases)
      registry.observed(PEAKS[name], () =>
        KINDS.map((kind) => [[kind], this[name][kind].peak(clock.monotonicMs())] as const),
      );
  }

  /** Both limits above 0. */
  setLimits(limits: Readonly<Record<RequestPhase, number>>, nowMs: number): void {
    for (const phase of ['waiting', 'executing'] as const)
      for (const kind of KINDS) this[phase][kind].ratio.setDenominator(limits[phase], nowMs);
  }
}

function secondOf(ms: number): number {
  return Math.floor(ms / 1000);
}
