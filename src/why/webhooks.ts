/**
 * What admission webhooks do to writes: how often they are asked, how long they take, what they
 * refuse and why, by the API server's own metrics (of one server, since its start). Pure.
 */
import type {
  MutatingWebhookConfiguration,
  ValidatingWebhookConfiguration,
} from '#api/gen/admissionregistration-v1.ts';
import { quantileBound, type Sample, samplesIn } from './metrics-text.ts';

const PREFIX = 'apiserver_admission_webhook';
const SECONDS = `${PREFIX}_admission_duration_seconds_bucket`;
const REJECTIONS = `${PREFIX}_rejection_count`;
const FAIL_OPEN = `${PREFIX}_fail_open_count`;

type Type = 'mutating' | 'validating';
/** As the metrics have them. */
const TYPES: Readonly<Record<Type, string>> = { mutating: 'admit', validating: 'validating' };

export interface WebhookReport {
  readonly name: string;
  readonly type: Type;
  /** Names of the configurations that have one of that name; none: it is there no more. */
  readonly configurations: readonly string[];
  /** What a failure means: the first configuration's. */
  readonly failurePolicy?: string;
  readonly timeoutSeconds?: number;
  readonly calls: number;
  /** Upper bounds, of the buckets of the histogram; null: above the largest. Absent without calls. */
  readonly p50Seconds?: number | null;
  readonly p99Seconds?: number | null;
  /** It said no. */
  readonly denied: number;
  /** It could not be asked, or its answer was none; the write was refused. */
  readonly failed: number;
  /** The same by the code of the answer; 503 where there was none. */
  readonly failedByCode: Readonly<Record<string, number>>;
  /** Errors of the server itself. */
  readonly internal: number;
  /** It could not be asked, and the write went on. */
  readonly ignored: number;
}

export interface WebhookSources {
  /** The text of `/metrics`. */
  readonly metrics: string;
  readonly mutating: readonly MutatingWebhookConfiguration[];
  readonly validating: readonly ValidatingWebhookConfiguration[];
}

/** Of each webhook that is configured or was asked: those that refuse most come first. */
export function webhookReports({
  metrics,
  mutating,
  validating,
}: WebhookSources): readonly WebhookReport[] {
  const samples = samplesIn(metrics, [SECONDS, REJECTIONS, FAIL_OPEN]);
  const reports = [
    ...reportsOf('mutating', mutating, samples),
    ...reportsOf('validating', validating, samples),
  ];
  return reports.toSorted(
    (a, b) => refusals(b) - refusals(a) || b.calls - a.calls || (a.name < b.name ? -1 : 1),
  );
}

/** How many writes it cost. */
export function refusals({ denied, failed, internal }: WebhookReport): number {
  return denied + failed + internal;
}

type Samples = ReadonlyMap<string, readonly Sample[]>;

function reportsOf(
  type: Type,
  configurations: WebhookSources['mutating'] | WebhookSources['validating'],
  samples: Samples,
): WebhookReport[] {
  const configured = configurations.flatMap(({ metadata, webhooks = [] }) =>
    webhooks.map((webhook) => ({ webhook, configuration: metadata?.name ?? '' })),
  );
  const asked = [...samples.values()]
    .flat()
    .filter(({ labels }) => labels.get('type') === TYPES[type])
    .map(({ labels }) => labels.get('name') ?? '');
  const names = new Set([...configured.map(({ webhook }) => webhook.name), ...asked]);
  return [...names].map((name) => {
    const own = configured.filter(({ webhook }) => webhook.name === name);
    const { failurePolicy, timeoutSeconds } = own[0]?.webhook ?? {};
    return {
      name,
      type,
      configurations: own.map(({ configuration }) => configuration),
      ...(failurePolicy === undefined ? {} : { failurePolicy }),
      ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
      ...figuresOf(samples, name, TYPES[type]),
    };
  });
}

function figuresOf(samples: Samples, name: string, type: string) {
  const of = (metric: string): Sample[] =>
    (samples.get(metric) ?? []).filter(
      ({ labels }) => labels.get('name') === name && labels.get('type') === type,
    );
  const buckets = new Map<number, number>();
  for (const { labels, value } of of(SECONDS)) {
    const bound = Number((labels.get('le') ?? '').replace('+Inf', 'Infinity'));
    buckets.set(bound, (buckets.get(bound) ?? 0) + value);
  }
  const rejected = of(REJECTIONS);
  const because = (error: string): Sample[] =>
    rejected.filter(({ labels }) => labels.get('error_type') === error);
  const failed = because('calling_webhook_error');
  const byCode: Record<string, number> = {};
  for (const { labels, value } of failed) {
    const code = labels.get('rejection_code') ?? '';
    byCode[code] = (byCode[code] ?? 0) + value;
  }
  return {
    calls: buckets.get(Number.POSITIVE_INFINITY) ?? 0,
    ...quantiles(buckets),
    denied: sum(because('no_error')),
    failed: sum(failed),
    failedByCode: byCode,
    internal: sum(because('apiserver_internal_error')),
    ignored: sum(of(FAIL_OPEN)),
  };
}

function quantiles(
  buckets: ReadonlyMap<number, number>,
): Pick<WebhookReport, 'p50Seconds' | 'p99Seconds'> {
  const [p50, p99] = [quantileBound(buckets, 0.5), quantileBound(buckets, 0.99)];
  if (p50 === undefined || p99 === undefined) return {};
  const finite = (bound: number): number | null => (Number.isFinite(bound) ? bound : null);
  return { p50Seconds: finite(p50), p99Seconds: finite(p99) };
}

function sum(samples: readonly Sample[]): number {
  return samples.reduce((total, { value }) => total + value, 0);
}
