/**
 * What the proxy counts of its work.
 *
 * One write brings all families in step, and so each family is said to have taken as long as all.
 *
 * Upstream: pkg/proxy/metrics/metrics.go and pkg/proxy/endpointschangetracker.go, v1.36; of nftables,
 * and of what every mode has. KEP-2255 and the SLI of network programming for the annotation.
 */
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';
import type { Clock } from '#base/env.ts';
import {
  alpha,
  type Counter,
  exponentialBuckets,
  type Histogram,
  type MetricRegistry,
} from '#base/metrics.ts';
import { type IpFamily, NAMES } from './ip-family.ts';

/** When the change that a slice shows happened, by the controller that wrote it. */
const TRIGGER_TIME = 'endpoints.kubernetes.io/last-change-trigger-time';
/** Changes whose time is kept until the kernel has them; what comes beyond is not measured. */
const TRIGGERS_MAX = 10_000;

const SYNC_BUCKETS = exponentialBuckets(0.001, 2, 15);
const linear = (start: number, width: number, count: number): number[] =>
  Array.from({ length: count }, (_, at) => start + width * at);
const PROGRAMMING_BUCKETS = [
  ...linear(0.25, 0.25, 2),
  ...linear(1, 1, 59),
  ...linear(60, 5, 12),
  ...linear(120, 30, 7),
];

const DURATION = alpha(
  'kubeproxy_sync_proxy_rules_duration_seconds',
  'How long writes of rules took.',
  'ip_family',
);
const FULL = alpha(
  'kubeproxy_sync_full_proxy_rules_duration_seconds',
  'How long writes of whole tables took.',
  'ip_family',
);
const PARTIAL = alpha(
  'kubeproxy_sync_partial_proxy_rules_duration_seconds',
  'How long writes of changes took.',
  'ip_family',
);
const LAST = alpha(
  'kubeproxy_sync_proxy_rules_last_timestamp_seconds',
  'When rules were last written.',
  'ip_family',
);
const LAST_QUEUED = alpha(
  'kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds',
  'When a write of rules was last asked for.',
  'ip_family',
);
const PROGRAMMING = alpha(
  'kubeproxy_network_programming_duration_seconds',
  'From the change of a pod or a Service to the kernel.',
  'ip_family',
);
const ENDPOINTS_PENDING = alpha(
  'kubeproxy_sync_proxy_rules_endpoint_changes_pending',
  'Changes of endpoints that the kernel has not yet.',
  'ip_family',
);
const ENDPOINTS_TOTAL = alpha(
  'kubeproxy_sync_proxy_rules_endpoint_changes_total',
  'Changes of endpoints.',
  'ip_family',
);
const SERVICES_PENDING = alpha(
  'kubeproxy_sync_proxy_rules_service_changes_pending',
  'Changes of Services that the kernel has not yet.',
  'ip_family',
);
const SERVICES_TOTAL = alpha(
  'kubeproxy_sync_proxy_rules_service_changes_total',
  'Changes of Services.',
  'ip_family',
);
const FAILURES = alpha(
  'kubeproxy_sync_proxy_rules_nftables_sync_failures_total',
  'Writes of rules that failed.',
  'ip_family',
);
const NO_LOCAL = alpha(
  'kubeproxy_sync_proxy_rules_no_local_endpoints_total',
  'Services whose traffic stays on its node, and that have no endpoint here but some elsewhere.',
  'ip_family',
  'traffic_policy',
);

type Changes = 'endpoints' | 'services';

export class ProxyMetrics {
  readonly #clock: Clock;
  readonly #families: readonly string[];
  readonly #startMs: number;
  readonly #duration: Histogram;
  readonly #full: Histogram;
  readonly #partial: Histogram;
  readonly #programming: Histogram;
  readonly #last: Counter;
  readonly #lastQueued: Counter;
  readonly #failures: Counter;
  readonly #changes: Readonly<
    Record<Changes, { readonly pending: Counter; readonly total: Counter }>
  >;
  /** Milliseconds since 1970, by family. */
  #triggers: { readonly family: string; readonly ms: number }[] = [];

  /** `noLocal`: of each family and policy (`internal`, `external`), how many Services. */
  constructor(
    registry: MetricRegistry,
    clock: Clock,
    {
      families,
      noLocal,
    }: {
      readonly families: readonly IpFamily[];
      readonly noLocal: () => Iterable<
        readonly [readonly [family: string, policy: string], number]
      >;
    },
  ) {
    this.#clock = clock;
    this.#startMs = clock.now();
    this.#families = families.map((family) => NAMES[family].slices);
    this.#duration = registry.histogram(DURATION, SYNC_BUCKETS);
    this.#full = registry.histogram(FULL, SYNC_BUCKETS);
    this.#partial = registry.histogram(PARTIAL, SYNC_BUCKETS);
    this.#programming = registry.histogram(PROGRAMMING, PROGRAMMING_BUCKETS);
    this.#last = registry.gauge(LAST);
    this.#lastQueued = registry.gauge(LAST_QUEUED);
    this.#failures = registry.counter(FAILURES);
    this.#changes = {
      endpoints: {
        pending: registry.gauge(ENDPOINTS_PENDING),
        total: registry.counter(ENDPOINTS_TOTAL),
      },
      services: {
        pending: registry.gauge(SERVICES_PENDING),
        total: registry.counter(SERVICES_TOTAL),
      },
    };
    registry.observed(NO_LOCAL, noLocal);
  }

  /** A Service came, changed or went. */
  serviceChanged(): void {
    for (const family of this.#families) this.#changed('services', family);
  }

  /** A slice did. */
  sliceChanged(slice: EndpointSlice): void {
    const family = slice.addressType;
    if (!this.#families.includes(family)) return;
    this.#changed('endpoints', family);
    const ms = Date.parse(slice.metadata?.annotations?.[TRIGGER_TIME] ?? '');
    // What happened before this proxy was there says nothing of how fast it is.
    if (ms > this.#startMs && this.#triggers.length < TRIGGERS_MAX)
      this.#triggers.push({ family, ms });
  }

  #changed(what: Changes, family: string): void {
    const { pending, total } = this.#changes[what];
    pending.add([family]);
    total.add([family]);
    this.#lastQueued.set([family], this.#clock.now() / 1000);
  }

  /** The kernel has it all; `seconds`: how long that took. */
  written(seconds: number, isWhole: boolean): void {
    const now = this.#clock.now();
    for (const family of this.#families) {
      this.#duration.observe([family], seconds);
      (isWhole ? this.#full : this.#partial).observe([family], seconds);
      this.#last.set([family], now / 1000);
      for (const { pending } of Object.values(this.#changes)) pending.set([family], 0);
    }
    for (const { family, ms } of this.#triggers)
      this.#programming.observe([family], (now - ms) / 1000);
    this.#triggers = [];
  }

  failed(): void {
    for (const family of this.#families) this.#failures.add([family]);
  }
}
