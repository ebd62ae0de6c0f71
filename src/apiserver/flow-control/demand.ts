/**
 * How many seats a priority level could have used: over time, at most, and smoothed.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/util/flowcontrol/fairqueuing/integrator.go
 * and apf_controller.go (seatDemandStats).
 */
import type { Clock } from '#base/env.ts';

/** How much of the past a period keeps; the peak of a day is forgotten within minutes. */
const SMOOTHING = 0.977;

export interface DemandStats {
  readonly average: number;
  readonly deviation: number;
  readonly highWatermark: number;
  readonly smoothed: number;
}

export class SeatDemand {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #seats = 0;
  #sinceMs: number;
  #max = 0;
  // Integrals over the period: of time, of seats, of their square.
  #elapsedMs = 0;
  #area = 0;
  #square = 0;
  #stats: DemandStats = { average: 0, deviation: 0, highWatermark: 0, smoothed: 0 };

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
    this.#sinceMs = clock.monotonicMs();
  }

  /** So many seats are in use or waited for from now on. */
  set(seats: number, nowMs: number): void {
    this.#advance(nowMs);
    this.#seats = seats;
    if (seats > this.#max) this.#max = seats;
  }

  /** What the last period came to. */
  get stats(): DemandStats {
    return this.#stats;
  }

  /** Ends a period, and begins the next. */
  endPeriod(): DemandStats {
    this.#advance(this.#clock.monotonicMs());
    const highWatermark = Math.round(this.#max);
    this.#max = this.#seats;
    if (this.#elapsedMs <= 0) {
      this.#stats = { ...this.#stats, highWatermark };
      return this.#stats;
    }
    const average = this.#area / this.#elapsedMs;
    // Rounding may bring what is zero below it.
    const deviation = Math.sqrt(Math.max(0, this.#square / this.#elapsedMs - average ** 2));
    const envelope = average + deviation;
    const smoothed = Math.max(
      envelope,
      SMOOTHING * this.#stats.smoothed + (1 - SMOOTHING) * envelope,
    );
    this.#stats = { average, deviation, highWatermark, smoothed };
    this.#elapsedMs = 0;
    this.#area = 0;
    this.#square = 0;
    return this.#stats;
  }

  #advance(nowMs: number): void {
    const ms = nowMs - this.#sinceMs;
    this.#sinceMs = nowMs;
    this.#elapsedMs += ms;
    this.#area += this.#seats * ms;
    this.#square += this.#seats ** 2 * ms;
  }
}
