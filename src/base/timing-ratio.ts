/**
 * A ratio over time: for how long it was in which bucket, as a histogram that counts nanoseconds.
 *
 * Whoever changes the ratio says when, and whoever reads says until when: between changes nothing
 * is to be done. It is changed with each request, so a change costs a few comparisons and allocates
 * nothing: what grows lies in arrays of doubles, since a field would get a new object each time.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/util/flowcontrol/metrics/
 * timing_ratio_histogram.go; staging/src/k8s.io/component-base/metrics/prometheusextension.
 */

const NANOSECONDS_PER_MS = 1e6;
/** Places in what grows: until when it is counted, and the sum of the numerator since `#sumBefore`. */
const UNTIL = 0;
const NUMERATOR_SUM = 1;

/** Nanoseconds, and the sum of the ratio at the end of each of them. */
export interface Timing {
  /** By bucket, without those below; the last one is of what is above all limits. */
  readonly counts: readonly number[];
  readonly sum: number;
  readonly count: number;
}

export class TimingRatio {
  readonly #limits: readonly number[];
  readonly #counts: Float64Array;
  readonly #growing = new Float64Array(2);
  #numerator = 0;
  #denominator = 1;
  /** Of the ratio with the denominators before: few summands, so that no small one is lost. */
  #sumBefore = 0;

  /** From now on, 0. `limits` of the buckets: ascending, each belongs to its bucket. */
  constructor(limits: readonly number[], nowMs: number) {
    this.#limits = limits;
    this.#counts = new Float64Array(limits.length + 1);
    this.#growing[UNTIL] = nanoseconds(nowMs);
  }

  get numerator(): number {
    return this.#numerator;
  }

  set(numerator: number, nowMs: number): void {
    if (numerator === this.#numerator) return;
    this.#countUntil(nowMs);
    this.#numerator = numerator;
  }

  add(by: number, nowMs: number): void {
    this.set(this.#numerator + by, nowMs);
  }

  /** Above 0. */
  setDenominator(denominator: number, nowMs: number): void {
    if (denominator === this.#denominator) return;
    this.#countUntil(nowMs);
    this.#sumBefore = this.#sum;
    this.#growing[NUMERATOR_SUM] = 0;
    this.#denominator = denominator;
  }

  until(nowMs: number): Timing {
    this.#countUntil(nowMs);
    return {
      counts: [...this.#counts],
      sum: this.#sum,
      count: this.#counts.reduce((sum, count) => sum + count, 0),
    };
  }

  get #sum(): number {
    return this.#sumBefore + (this.#growing[NUMERATOR_SUM] ?? 0) / this.#denominator;
  }

  /** Nothing is counted twice where somebody comes with a time from before the last change. */
  #countUntil(nowMs: number): void {
    const nowNs = nanoseconds(nowMs);
    const passed = nowNs - (this.#growing[UNTIL] ?? 0);
    if (passed <= 0) return;
    this.#growing[UNTIL] = nowNs;
    const ratio = this.#numerator / this.#denominator;
    let bucket = 0;
    for (const limit of this.#limits) {
      if (ratio <= limit) break;
      bucket += 1;
    }
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + passed;
    const sum = this.#growing[NUMERATOR_SUM] ?? 0;
    this.#growing[NUMERATOR_SUM] = sum + this.#numerator * passed;
  }
}

/** Whole ones, so that many short times sum to the long one. */
function nanoseconds(ms: number): number {
  return Math.round(ms * NANOSECONDS_PER_MS);
}
