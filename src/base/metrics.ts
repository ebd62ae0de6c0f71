/**
 * Metrics as Prometheus reads them: counters, gauges, histograms and summaries with labels.
 *
 * A metric keeps at most `SERIES_MAX` sets of label values; what comes after is not counted, so that
 * no client can fill the memory.
 *
 * Source: Prometheus text format 0.0.4; KEP-1209 for the stability in the help.
 */
import { Quantiles } from './summary.ts';

const SERIES_MAX = 20_000;
const HEAD_LINES = 2;

export type Stability = 'STABLE' | 'BETA' | 'ALPHA';

export interface MetricHead {
  readonly name: string;
  /** What it says, after the stability; empty for metrics that have none. */
  readonly help: string;
  readonly stability?: Stability;
  readonly labels: readonly string[];
}

/** The head of a metric of this stability. */
export const alpha = headOf('ALPHA');
export const beta = headOf('BETA');
export const stable = headOf('STABLE');

function headOf(stability: Stability) {
  return (name: string, help: string, ...labels: readonly string[]): MetricHead => ({
    name,
    help,
    stability,
    labels,
  });
}

/** One value of a metric, at a time (milliseconds since 1970) or as of now. */
export interface Sample {
  readonly labels: readonly string[];
  readonly value: number;
  readonly timeMs?: number;
}

/** A metric with all its values; empty where it has none. */
export function familyText(
  head: MetricHead,
  type: 'counter' | 'gauge',
  samples: readonly Sample[],
): string {
  if (samples.length === 0) return '';
  const lines = [...headLines(head, type), ...samples.map((sample) => sampleLine(head, sample))];
  return `${lines.join('\n')}\n`;
}

function sampleLine(
  { name, labels: names }: MetricHead,
  { labels, value, timeMs }: Sample,
): string {
  const line = `${name}${labelText(names, labels)} ${numberText(value)}`;
  return timeMs === undefined ? line : `${line} ${Math.trunc(timeMs)}`;
}

interface Metric {
  lines(): Iterable<string>;
}

/** So many limits, each `factor` times the one before. */
export function exponentialBuckets(start: number, factor: number, count: number): number[] {
  return Array.from({ length: count }, (_, at) => start * factor ** at);
}

/** How many of `objects` have the same values of labels. */
export function countsBy<T>(
  objects: Iterable<T>,
  labelsOf: (object: T) => readonly string[],
): (readonly [readonly string[], number])[] {
  const counts = new Map<string, [labels: readonly string[], count: number]>();
  for (const object of objects) {
    const labels = labelsOf(object);
    const key = JSON.stringify(labels);
    const known = counts.get(key);
    if (known === undefined) counts.set(key, [labels, 1]);
    else known[1]++;
  }
  return [...counts.values()];
}

/** Metrics by name. Who asks for a name once more gets the metric that is there, and goes on. */
export class MetricRegistry {
  readonly #metrics = new Map<string, Metric>();

  counter(head: MetricHead): Counter {
    return this.#counter(head, 'counter');
  }

  gauge(head: MetricHead): Counter {
    return this.#counter(head, 'gauge');
  }

  histogram(head: MetricHead, buckets: readonly number[]): Histogram {
    const known = this.#metrics.get(head.name);
    if (known instanceof Histogram) return known;
    return this.#add(head.name, new Histogram(head, buckets));
  }

  /** With quantiles of what was observed within `ageMs`. */
  summary(head: MetricHead, ageMs: number, nowMs: () => number): Summary {
    const known = this.#metrics.get(head.name);
    if (known instanceof Summary) return known;
    return this.#add(head.name, new Summary(head, ageMs, nowMs));
  }

  /**
   * Values that are asked for when somebody looks: of a gauge, unless it is said to be a counter.
   * The last one who observes under a name is asked.
   */
  observed(
    head: MetricHead,
    values: () => Iterable<readonly [readonly string[], number]>,
    type: 'counter' | 'gauge' = 'gauge',
  ): void {
    this.#add(head.name, {
      *lines() {
        yield* headLines(head, type);
        for (const [labels, value] of values()) yield sampleLine(head, { labels, value });
      },
    });
  }

  /** Histograms that are asked for when somebody looks. The last one who observes is asked. */
  observedHistogram(
    head: MetricHead,
    buckets: readonly number[],
    series: () => Iterable<HistogramSeries>,
  ): void {
    this.#add(head.name, { lines: () => histogramLines(head, buckets, series()) });
  }

  /** Everything that has values, by name. */
  text(): string {
    const sorted = [...this.#metrics].toSorted(([a], [b]) => (a < b ? -1 : 1));
    return sorted
      .map(([, metric]) => [...metric.lines()])
      .filter((lines) => lines.length > HEAD_LINES)
      .map((lines) => `${lines.join('\n')}\n`)
      .join('');
  }

  #counter(head: MetricHead, type: 'counter' | 'gauge'): Counter {
    const known = this.#metrics.get(head.name);
    if (known instanceof Counter) return known;
    return this.#add(head.name, new Counter(head, type));
  }

  #add<T extends Metric>(name: string, metric: T): T {
    this.#metrics.set(name, metric);
    return metric;
  }
}

/** Without labels it is 0 from the start; else each series begins with what is first added. */
export class Counter implements Metric {
  readonly #head: MetricHead;
  readonly #type: 'counter' | 'gauge';
  /** By the labels as text. */
  readonly #values = new Map<string, number>();

  constructor(head: MetricHead, type: 'counter' | 'gauge') {
    this.#head = head;
    this.#type = type;
    if (head.labels.length === 0) this.add([], 0);
  }

  add(labels: readonly string[], by = 1): void {
    const key = labelText(this.#head.labels, labels);
    const before = this.#values.get(key);
    if (before === undefined && this.#values.size >= SERIES_MAX) return;
    this.#values.set(key, (before ?? 0) + by);
  }

  set(labels: readonly string[], value: number): void {
    this.add(labels, 0);
    const key = labelText(this.#head.labels, labels);
    if (this.#values.has(key)) this.#values.set(key, value);
  }

  /** Forgets a series: what it was of is gone. */
  remove(labels: readonly string[]): void {
    this.#values.delete(labelText(this.#head.labels, labels));
  }

  *lines(): Iterable<string> {
    yield* headLines(this.#head, this.#type);
    for (const [labels, value] of this.#values)
      yield `${this.#head.name}${labels} ${numberText(value)}`;
  }
}

/** What was observed of one set of label values. */
export interface HistogramSeries {
  readonly labels: readonly string[];
  /** By bucket, without those below. */
  readonly counts: readonly number[];
  readonly sum: number;
  /** With what is above all buckets. */
  readonly count: number;
}

/** The observations of one set of label values. */
class Series implements HistogramSeries {
  readonly labels: readonly string[];
  readonly counts: number[];
  readonly #buckets: readonly number[];
  sum = 0;
  count = 0;

  constructor(labels: readonly string[], buckets: readonly number[]) {
    this.labels = labels;
    this.counts = buckets.map(() => 0);
    this.#buckets = buckets;
  }

  observe(value: number): void {
    const bucket = this.#buckets.findIndex((limit) => value <= limit);
    if (bucket >= 0) this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.sum += value;
    this.count += 1;
  }
}

export class Histogram implements Metric {
  readonly #head: MetricHead;
  readonly #buckets: readonly number[];
  readonly #series = new Map<string, Series>();

  constructor(head: MetricHead, buckets: readonly number[]) {
    this.#head = head;
    this.#buckets = buckets;
    if (head.labels.length === 0) this.#of([]);
  }

  observe(labels: readonly string[], value: number): void {
    this.#of(labels)?.observe(value);
  }

  /**
   * Takes the values of one series, for those who observe often: finding a series by its labels
   * costs more than observing. Not for a series that `remove` may forget.
   */
  of(labels: readonly string[]): (value: number) => void {
    const series = this.#of(labels);
    return (value) => series?.observe(value);
  }

  /** Forgets a series: what it was of is gone. */
  remove(labels: readonly string[]): void {
    this.#series.delete(keyOf(labels));
  }

  #of(labels: readonly string[]): Series | undefined {
    const key = keyOf(labels);
    const known = this.#series.get(key);
    if (known !== undefined || this.#series.size >= SERIES_MAX) return known;
    const series = new Series(labels, this.#buckets);
    this.#series.set(key, series);
    return series;
  }

  lines(): Iterable<string> {
    return histogramLines(this.#head, this.#buckets, this.#series.values());
  }
}

function* histogramLines(
  head: MetricHead,
  buckets: readonly number[],
  series: Iterable<HistogramSeries>,
): Iterable<string> {
  const { name, labels: names } = head;
  yield* headLines(head, 'histogram');
  for (const { labels, counts, sum, count } of series) {
    let below = 0;
    for (const [i, limit] of buckets.entries()) {
      below += counts[i] ?? 0;
      yield `${name}_bucket${labelText([...names, 'le'], [...labels, numberText(limit)])} ${below}`;
    }
    yield `${name}_bucket${labelText([...names, 'le'], [...labels, '+Inf'])} ${count}`;
    yield `${name}_sum${labelText(names, labels)} ${numberText(sum)}`;
    yield `${name}_count${labelText(names, labels)} ${count}`;
  }
}

/** As upstream's component-base has them. */
const QUANTILES = [0.5, 0.9, 0.99];

interface SummarySeries {
  readonly labels: readonly string[];
  readonly quantiles: Quantiles;
  sum: number;
  count: number;
}

export class Summary implements Metric {
  readonly #head: MetricHead;
  readonly #ageMs: number;
  readonly #nowMs: () => number;
  readonly #series = new Map<string, SummarySeries>();

  constructor(head: MetricHead, ageMs: number, nowMs: () => number) {
    this.#head = head;
    this.#ageMs = ageMs;
    this.#nowMs = nowMs;
  }

  /** Takes the values of one series. */
  of(labels: readonly string[]): (value: number) => void {
    const series = this.#of(labels);
    return (value) => {
      if (series === undefined) return;
      series.quantiles.observe(value);
      series.sum += value;
      series.count += 1;
    };
  }

  #of(labels: readonly string[]): SummarySeries | undefined {
    const key = keyOf(labels);
    const known = this.#series.get(key);
    if (known !== undefined || this.#series.size >= SERIES_MAX) return known;
    const quantiles = new Quantiles(this.#ageMs, this.#nowMs);
    const series = { labels, quantiles, sum: 0, count: 0 };
    this.#series.set(key, series);
    return series;
  }

  *lines(): Iterable<string> {
    const { name, labels: names } = this.#head;
    yield* headLines(this.#head, 'summary');
    for (const { labels, quantiles, sum, count } of this.#series.values()) {
      for (const [i, value] of quantiles.at(QUANTILES).entries()) {
        const all = labelText([...names, 'quantile'], [...labels, String(QUANTILES[i])]);
        yield `${name}${all} ${numberText(value)}`;
      }
      yield `${name}_sum${labelText(names, labels)} ${numberText(sum)}`;
      yield `${name}_count${labelText(names, labels)} ${count}`;
    }
  }
}

function keyOf(labels: readonly string[]): string {
  return labels.join('\u0000');
}

function headLines({ name, help, stability }: MetricHead, type: string): string[] {
  const text = stability === undefined ? help : `[${stability}] ${help}`;
  return [
    `# HELP ${name} ${text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`,
    `# TYPE ${name} ${type}`,
  ];
}

function labelText(names: readonly string[], values: readonly string[]): string {
  if (names.length === 0) return '';
  const pairs = names.map((name, i) => `${name}="${escaped(values[i] ?? '')}"`);
  return `{${pairs.join(',')}}`;
}

function escaped(value: string): string {
  return /["\\\n]/.test(value)
    ? value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
    : value;
}

/** As Go writes a float: large and small numbers with an exponent. */
function numberText(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : value < 0 ? '-Inf' : 'NaN';
  if (Math.abs(value) < 1e21 && Math.abs(value) >= 1e6 && Number.isInteger(value)) {
    const [mantissa = '', exponent = ''] = value.toExponential().split('e+');
    return `${mantissa}e+${exponent.padStart(2, '0')}`;
  }
  if (value !== 0 && Math.abs(value) < 1e-4) {
    const [mantissa = '', exponent = ''] = value.toExponential().split('e-');
    return `${mantissa}e-${exponent.padStart(2, '0')}`;
  }
  return String(value);
}
