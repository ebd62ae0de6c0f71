/**
 * How far the seats and queues of one priority level were used, over time.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/util/flowcontrol/metrics/metrics.go
 * (buckets) and fairqueuing/queueset/queueset.go (denominators).
 */
import { TimingRatio } from '#base/timing-ratio.ts';
import type { QueueTotals } from './queue-set.ts';

export const REQUEST_BUCKETS = [0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.25, 0.5, 0.75, 1];
export const SEAT_BUCKETS = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1];
export const DEMAND_BUCKETS = [0.2, 0.4, 0.6, 0.8, 1, 1.2, 1.4, 1.7, 2, 2.8, 4, 6];

/** What there is to use; both above 0. */
export interface UtilizationLimits {
  /** Requests that the queues take. */
  readonly waiting: number;
  readonly seats: number;
}

export class Utilization {
  readonly waiting: TimingRatio;
  /** Requests, however many seats each of them has. */
  readonly executing: TimingRatio;
  /** Also of those whose answers are given and whose final seats are held. */
  readonly seats: TimingRatio;
  /** Seats in use and waited for. */
  readonly demand: TimingRatio;

  constructor(nowMs: number) {
    this.waiting = new TimingRatio(REQUEST_BUCKETS, nowMs);
    this.executing = new TimingRatio(REQUEST_BUCKETS, nowMs);
    this.seats = new TimingRatio(SEAT_BUCKETS, nowMs);
    this.demand = new TimingRatio(DEMAND_BUCKETS, nowMs);
  }

  set({ waiting, executing, seatsInUse, seatsWaiting }: QueueTotals, nowMs: number): void {
    this.waiting.set(waiting, nowMs);
    this.executing.set(executing, nowMs);
    this.seats.set(seatsInUse, nowMs);
    this.demand.set(seatsInUse + seatsWaiting, nowMs);
  }

  setLimits({ waiting, seats }: UtilizationLimits, nowMs: number): void {
    this.waiting.setDenominator(waiting, nowMs);
    for (const ratio of [this.executing, this.seats, this.demand])
      ratio.setDenominator(seats, nowMs);
  }
}
