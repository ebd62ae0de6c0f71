/**
 * How often what was said of a token is still known, and how it goes where somebody has to be asked.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/authentication/token/cache/stats.go. Its
 * metrics have no help.
 */
import {
  alpha,
  type Counter,
  type Histogram,
  type MetricHead,
  type MetricRegistry,
} from '#base/metrics.ts';

/** Prometheus' own. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const head = (name: string): MetricHead =>
  alpha(`authentication_token_cache_${name}`, '', 'status');

export class TokenCacheMetrics {
  readonly #seconds: Histogram;
  readonly #requests: Counter;
  readonly #fetches: Counter;
  readonly #active: Counter;

  constructor(registry: MetricRegistry) {
    this.#seconds = registry.histogram(head('request_duration_seconds'), BUCKETS);
    this.#requests = registry.counter(head('request_total'));
    this.#fetches = registry.counter(head('fetch_total'));
    this.#active = registry.gauge(head('active_fetch_count'));
  }

  answered(isHit: boolean, tookMs: number): void {
    const labels = [isHit ? 'hit' : 'miss'];
    this.#requests.add(labels);
    this.#seconds.observe(labels, tookMs / 1000);
  }

  /** Somebody waits for an answer. */
  waiting(by: 1 | -1): void {
    this.#active.add(['blocked'], by);
  }

  /** Somebody far away is being asked. */
  asking(): void {
    this.#active.add(['in_flight']);
  }

  asked(isError: boolean): void {
    this.#active.add(['in_flight'], -1);
    this.#fetches.add([isError ? 'error' : 'ok']);
  }
}
