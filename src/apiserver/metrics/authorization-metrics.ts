/**
 * What authorizers decide, and how it goes with those that have to be asked elsewhere.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/authorization/{metrics,cel} and
 * plugin/pkg/authorizer/webhook/metrics.
 */
import { alpha, type Counter, type Histogram, type MetricRegistry } from '#base/metrics.ts';

const PREFIX = 'apiserver_authorization';
/** Prometheus' own buckets. */
const REQUEST_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const CONDITION_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.1, 0.2, 0.25];

export interface DecisionCounts {
  allowed: number;
  denied: number;
}

export class AuthorizationMetrics {
  readonly #decisions = new Map<string, DecisionCounts & { labels: [string, string] }>();
  readonly #calls: Counter;
  readonly #callSeconds: Histogram;
  readonly #failedOpen: Counter;
  readonly #conditionErrors: Counter;
  readonly #exclusions: Counter;
  readonly #conditionSeconds: Histogram;

  constructor(registry: MetricRegistry) {
    const byName = ['name', 'result'];
    const byType = ['type', 'name'];
    registry.observed(
      alpha(
        `${PREFIX}_decisions_total`,
        'Requests that an authorizer allowed or denied.',
        ...byType,
        'decision',
      ),
      () => this.#counts(),
      'counter',
    );
    this.#calls = registry.counter(
      alpha(`${PREFIX}_webhook_evaluations_total`, 'Questions to webhooks.', ...byName),
    );
    this.#callSeconds = registry.histogram(
      alpha(`${PREFIX}_webhook_duration_seconds`, 'How long webhooks take to answer.', ...byName),
      REQUEST_BUCKETS,
    );
    this.#failedOpen = registry.counter(
      alpha(
        `${PREFIX}_webhook_evaluations_fail_open_total`,
        'Requests on which a webhook had no opinion because it could not be asked.',
        ...byName,
      ),
    );
    this.#conditionErrors = registry.counter(
      alpha(
        `${PREFIX}_match_condition_evaluation_errors_total`,
        'Requests for which a match condition failed.',
        ...byType,
      ),
    );
    this.#exclusions = registry.counter(
      alpha(
        `${PREFIX}_match_condition_exclusions_total`,
        'Requests on which a webhook was not asked because of its match conditions.',
        ...byType,
      ),
    );
    this.#conditionSeconds = registry.histogram(
      alpha(
        `${PREFIX}_match_condition_evaluation_seconds`,
        'How long match conditions take.',
        ...byType,
      ),
      CONDITION_BUCKETS,
    );
  }

  /** Counted by whoever decides, in plain numbers: every request comes by here. */
  decisionsOf(type: string, name: string): DecisionCounts {
    const key = `${type}\n${name}`;
    const known = this.#decisions.get(key);
    if (known !== undefined) return known;
    const counts = { allowed: 0, denied: 0, labels: [type, name] as [string, string] };
    this.#decisions.set(key, counts);
    return counts;
  }

  *#counts(): Iterable<readonly [readonly string[], number]> {
    for (const { labels, allowed, denied } of this.#decisions.values()) {
      if (allowed > 0) yield [[...labels, 'allowed'], allowed];
      if (denied > 0) yield [[...labels, 'denied'], denied];
    }
  }

  /** A webhook was asked once. `result`: success, canceled, timeout or error. */
  asked(name: string, result: string, tookMs: number): void {
    this.#calls.add([name, result]);
    this.#callSeconds.observe([name, result], tookMs / 1000);
  }

  failedOpen(name: string, result: string): void {
    this.#failedOpen.add([name, result]);
  }

  /** The conditions of a webhook were looked at: the request is for it, is not, or one failed. */
  matched(name: string, outcome: boolean | Error, tookMs: number): void {
    const labels = ['Webhook', name];
    this.#conditionSeconds.observe(labels, tookMs / 1000);
    if (outcome === false) this.#exclusions.add(labels);
    if (outcome instanceof Error) this.#conditionErrors.add(labels);
  }
}
