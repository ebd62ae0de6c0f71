/** Reads a page of metrics (Prometheus's text format), as far as its samples go. */

export interface Sample {
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

/** `name{labels} value`; what comes after the value is a time. */
const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)",?/gy;
const ESCAPED: Readonly<Record<string, string>> = { n: '\n', '"': '"', '\\': '\\' };

/** The samples whose names are in `names`, by name. */
export function samplesIn(
  text: string,
  names: readonly string[],
): ReadonlyMap<string, readonly Sample[]> {
  const samples = new Map<string, Sample[]>(names.map((name) => [name, []]));
  for (const line of text.split('\n')) {
    const [, name = '', labels = '', value = ''] = SAMPLE.exec(line) ?? [];
    samples.get(name)?.push({ labels: labelsIn(labels), value: numberOf(value) });
  }
  return samples;
}

function labelsIn(text: string): ReadonlyMap<string, string> {
  return new Map(
    [...text.matchAll(LABEL)].map(([, name = '', value = '']) => [
      name,
      value.replace(/\\(.)/g, (_, letter: string) => ESCAPED[letter] ?? letter),
    ]),
  );
}

function numberOf(text: string): number {
  return text === '+Inf' ? Number.POSITIVE_INFINITY : Number(text);
}

/** Of a histogram: how many samples were at most so large, cumulated. */
export type Buckets = ReadonlyMap<number, number>;

/**
 * An upper bound of the value below which the share `q` of all samples is: that of the bucket that it
 * falls into. Undefined where there are none; infinite above the largest bucket.
 */
export function quantileBound(buckets: Buckets, q: number): number | undefined {
  const bounds = [...buckets.keys()].toSorted((a, b) => a - b);
  const total = buckets.get(bounds.at(-1) ?? 0) ?? 0;
  if (total === 0) return undefined;
  return bounds.find((bound) => (buckets.get(bound) ?? 0) >= q * total);
}
