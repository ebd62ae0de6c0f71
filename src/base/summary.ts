/**
 * Quantiles of what was observed lately, each within one percent of its value: counts by the
 * logarithm, so that an observation costs little, and memory has a bound whatever is observed.
 *
 * Source: "DDSketch" (Masson, Rim and Lee, 2019) for the buckets; Prometheus' Go client for the time
 * that counts, which ends by slices.
 */
const ACCURACY = 0.01;
/** Of the ratio of two neighbouring buckets. */
const LOG_RATIO = Math.log((1 + ACCURACY) / (1 - ACCURACY));
/** What is less is 0, as is what is more this. */
const LEAST = 1e-9;
const MOST = 1e9;
const SLICES = 5;

export class Quantiles {
  readonly #sliceMs: number;
  readonly #nowMs: () => number;
  /** Counts by bucket; the newest slice is the last. */
  readonly #slices: Map<number, number>[] = [new Map()];
  /** Of the newest slice. */
  #beganMs: number;

  /** What is older than `ageMs` does not count, as of the last fifth of that time. */
  constructor(ageMs: number, nowMs: () => number) {
    this.#sliceMs = ageMs / SLICES;
    this.#nowMs = nowMs;
    this.#beganMs = nowMs();
  }

  observe(value: number): void {
    this.#turn();
    const slice = this.#slices.at(-1);
    const bucket = bucketOf(value);
    slice?.set(bucket, (slice.get(bucket) ?? 0) + 1);
  }

  /** One value for each of `quantiles`, which are between 0 and 1; NaN where nothing was observed. */
  at(quantiles: readonly number[]): number[] {
    this.#turn();
    const counts = new Map<number, number>();
    for (const slice of this.#slices)
      for (const [bucket, count] of slice) counts.set(bucket, (counts.get(bucket) ?? 0) + count);
    const sorted = [...counts].toSorted(([one], [other]) => one - other);
    const total = sorted.reduce((sum, [, count]) => sum + count, 0);
    return quantiles.map((quantile) => {
      let left = Math.ceil(quantile * total);
      const found = sorted.find(([, count]) => (left -= count) <= 0);
      return found === undefined ? Number.NaN : valueOf(found[0]);
    });
  }

  #turn(): void {
    const passed = Math.floor((this.#nowMs() - this.#beganMs) / this.#sliceMs);
    if (passed <= 0) return;
    this.#beganMs += passed * this.#sliceMs;
    for (let i = 0; i < Math.min(passed, SLICES); i++) this.#slices.push(new Map());
    this.#slices.splice(0, Math.max(0, this.#slices.length - SLICES));
  }
}

/** -Infinity is the bucket of 0. */
function bucketOf(value: number): number {
  return value < LEAST ? -Infinity : Math.ceil(Math.log(Math.min(value, MOST)) / LOG_RATIO);
}

/** As far from the least as from the most of a bucket. */
function valueOf(bucket: number): number {
  return Math.exp(bucket * LOG_RATIO) * (1 - ACCURACY);
}
