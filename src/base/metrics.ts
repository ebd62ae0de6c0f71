/**
 * Metrics as Prometheus reads them: counters, gauges and histograms with labels.
 *
 * A metric keeps at most `SERIES_MAX` sets of label values; what comes after is not counted, so that
 * no client can fill the memory.
 *
 * Source: Prometheus text format 0.0.4; KEP-1209 for the stability in the help.
 */

const SERIES_MAX = 20_000;

export type Stability = 'STABLE' | 'BETA' | 'ALPHA';

export interface MetricHead {
  readonly name: string;
  /** What it says, after the stability; empty for metrics that have none. */
  readonly help: string;
  readonly stability?: Stability;
  readonly labels: readonly string[];
}

interface Metric {
  lines(): Iterable<string>;
}

export class MetricRegistry {
  readonly #metrics = new Map<string, Metric>();

  counter(head: MetricHead): Counter {
    return this.#add(head.name, new Counter(head, 'counter'));
  }

  gauge(head: MetricHead): Counter {
    return this.#add(head.name, new Counter(head, 'gauge'));
  }

  histogram(head: MetricHead, buckets: readonly number[]): Histogram {
    return this.#add(head.name, new Histogram(head, buckets));
  }

  /** A gauge whose values are asked for when somebody looks. */
  observed(head: MetricHead, values: () => Iterable<readonly [readonly string[], number]>): void {
    this.#add(head.name, {
      *lines() {
        yield* headLines(head, 'gauge');
        for (const [labels, value] of values())
          yield `${head.name}${labelText(head.labels, labels)} ${numberText(value)}`;
      },
    });
  }

  /** Everything, by name. */
  text(): string {
    const sorted = [...this.#metrics].toSorted(([a], [b]) => (a < b ? -1 : 1));
    return sorted.map(([, metric]) => `${[...metric.lines()].join('\n')}\n`).join('');
  }

  #add<T extends Metric>(name: string, metric: T): T {
    this.#metrics.set(name, metric);
    return metric;
  }
}

export class Counter implements Metric {
  readonly #head: MetricHead;
  readonly #type: 'counter' | 'gauge';
  /** By the labels as text. */
  readonly #values = new Map<string, number>();

  constructor(head: MetricHead, type: 'counter' | 'gauge') {
    this.#head = head;
    this.#type = type;
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

  *lines(): Iterable<string> {
    yield* headLines(this.#head, this.#type);
    for (const [labels, value] of this.#values)
      yield `${this.#head.name}${labels} ${numberText(value)}`;
  }
}

interface Observations {
  readonly labels: readonly string[];
  readonly counts: number[];
  sum: number;
  count: number;
}

export class Histogram implements Metric {
  readonly #head: MetricHead;
  readonly #buckets: readonly number[];
  readonly #series = new Map<string, Observations>();

  constructor(head: MetricHead, buckets: readonly number[]) {
    this.#head = head;
    this.#buckets = buckets;
  }

  observe(labels: readonly string[], value: number): void {
    const key = labels.join('\u0000');
    let series = this.#series.get(key);
    if (series === undefined) {
      if (this.#series.size >= SERIES_MAX) return;
      series = { labels, counts: this.#buckets.map(() => 0), sum: 0, count: 0 };
      this.#series.set(key, series);
    }
    const bucket = this.#buckets.findIndex((limit) => value <= limit);
    if (bucket >= 0) series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
    series.sum += value;
    series.count += 1;
  }

  *lines(): Iterable<string> {
    const { name, labels: names } = this.#head;
    yield* headLines(this.#head, 'histogram');
    for (const { labels, counts, sum, count } of this.#series.values()) {
      let below = 0;
      for (const [i, limit] of this.#buckets.entries()) {
        below += counts[i] ?? 0;
        yield `${name}_bucket${labelText([...names, 'le'], [...labels, numberText(limit)])} ${below}`;
      }
      yield `${name}_bucket${labelText([...names, 'le'], [...labels, '+Inf'])} ${count}`;
      yield `${name}_sum${labelText(names, labels)} ${numberText(sum)}`;
      yield `${name}_count${labelText(names, labels)} ${count}`;
    }
  }
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
