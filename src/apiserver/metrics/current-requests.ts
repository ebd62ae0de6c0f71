/**
 * Requests that run, and that wait until they may, reads and writes apart: over time, as parts of
 * what is allowed.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/util/flowcontrol/metrics/metrics.go
 * (readWriteConcurrencyGaugeVec); pkg/server/filters/maxinflight.go.
 */
import type { Clock } from '#base/env.ts';
import { alpha, type MetricRegistry } from '#base/metrics.ts';
import { TimingRatio } from '#base/timing-ratio.ts';

export type RequestKind = 'readOnly' | 'mutating';
export type RequestPhase = 'waiting' | 'executing';

const READS = new Set(['get', 'list', 'watch', 'head', 'options', 'history', 'diff']);
const BUCKETS = [0, 0.001, 0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1];

export function requestKindOf(verb: string): RequestKind {
  return READS.has(verb) ? 'readOnly' : 'mutating';
}

/** In one phase. */
export interface PhaseRequests {
  readonly readOnly: TimingRatio;
  readonly mutating: TimingRatio;
}

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
      readOnly: new TimingRatio(BUCKETS, nowMs),
      mutating: new TimingRatio(BUCKETS, nowMs),
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
          Object.entries(this[name]).map(([kind, ratio]: [string, TimingRatio]) => ({
            labels: [name, kind],
            ...ratio.until(clock.monotonicMs()),
          })),
        ),
    );
  }

  /** Both limits above 0. */
  setLimits(limits: Readonly<Record<RequestPhase, number>>, nowMs: number): void {
    for (const phase of ['waiting', 'executing'] as const)
      for (const ratio of Object.values<TimingRatio>({ ...this[phase] }))
        ratio.setDenominator(limits[phase], nowMs);
  }
}
