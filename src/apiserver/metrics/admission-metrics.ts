/**
 * Admission: how long it takes, and what webhooks and match conditions do to requests.
 *
 * Source: upstream v1.36 apiserver/pkg/admission/metrics/metrics.go.
 */
import type { Clock } from '#base/env.ts';
import {
  alpha,
  type Counter,
  type Histogram,
  type MetricRegistry,
  stable,
  type Summary,
} from '#base/metrics.ts';
import type { AdmissionObserver, Operation, TookListener } from '../admission/admission.ts';

const BUCKETS = [0.005, 0.025, 0.1, 0.5, 1, 2.5];
const WEBHOOK_BUCKETS = [...BUCKETS, 10, 25];
/** As old as what the quantiles are of may be. */
const QUANTILES_MS = 5 * 3_600_000;
const PREFIX = 'apiserver_admission';
/** Codes above are counted as this one: whoever is asked may answer anything. */
const CODE_MAX = 600;

/** Whose fault a rejection is: nobody's where the webhook said no. */
export type RejectionError = 'calling_webhook_error' | 'apiserver_internal_error' | 'no_error';

/** Of which webhook, in which step (`admit` or `validating`) and operation. */
export interface WebhookLabels {
  readonly name: string;
  readonly type: 'admit' | 'validating';
  readonly operation: Operation;
}

interface ConditionLabels {
  readonly name: string;
  readonly kind: 'webhook' | 'policy';
  readonly type: string;
}

export class AdmissionMetrics implements AdmissionObserver {
  readonly clock: Clock;
  readonly #steps: Histogram;
  readonly #stepQuantiles: Summary;
  readonly #plugins: Histogram;
  readonly #webhooks: Histogram;
  readonly #rejections: Counter;
  readonly #requests: Counter;
  readonly #failOpen: Counter;
  readonly #conditionErrors: Counter;
  readonly #exclusions: Counter;
  readonly #conditionSeconds: Histogram;

  constructor(registry: MetricRegistry, clock: Clock) {
    this.clock = clock;
    const operation = ['operation', 'rejected'];
    this.#steps = registry.histogram(
      stable(
        `${PREFIX}_step_admission_duration_seconds`,
        'How long a step of admission (admit or validate) took, in seconds.',
        'type',
        ...operation,
      ),
      BUCKETS,
    );
    this.#stepQuantiles = registry.summary(
      alpha(
        `${PREFIX}_step_admission_duration_seconds_summary`,
        'How long a step of admission (admit or validate) took in the last hours, in seconds.',
        'type',
        ...operation,
      ),
      QUANTILES_MS,
      () => clock.monotonicMs(),
    );
    this.#plugins = registry.histogram(
      stable(
        `${PREFIX}_controller_admission_duration_seconds`,
        'How long an admission plug-in took, in seconds, by step.',
        'name',
        'type',
        ...operation,
      ),
      BUCKETS,
    );
    this.#webhooks = registry.histogram(
      stable(
        `${PREFIX}_webhook_admission_duration_seconds`,
        'How long an admission webhook took, in seconds.',
        'name',
        'type',
        ...operation,
      ),
      WEBHOOK_BUCKETS,
    );
    this.#rejections = registry.counter(
      alpha(
        `${PREFIX}_webhook_rejection_count`,
        'Requests that were refused because of an admission webhook: what it answered, or that it could not be asked.',
        'name',
        'type',
        'operation',
        'error_type',
        'rejection_code',
      ),
    );
    this.#requests = registry.counter(
      alpha(
        `${PREFIX}_webhook_request_total`,
        'Calls of admission webhooks, by the code of what came of them.',
        'name',
        'type',
        'operation',
        'code',
        'rejected',
      ),
    );
    this.#failOpen = registry.counter(
      alpha(
        `${PREFIX}_webhook_fail_open_count`,
        'Calls of admission webhooks that failed and let the request pass.',
        'name',
        'type',
      ),
    );
    const conditions = ['name', 'kind', 'type', 'operation'];
    this.#conditionErrors = registry.counter(
      alpha(
        `${PREFIX}_match_condition_evaluation_errors_total`,
        'Match conditions that could not be decided.',
        ...conditions,
      ),
    );
    this.#exclusions = registry.counter(
      alpha(
        `${PREFIX}_match_condition_exclusions_total`,
        'Requests that match conditions left out.',
        ...conditions,
      ),
    );
    this.#conditionSeconds = registry.histogram(
      alpha(
        `${PREFIX}_match_condition_evaluation_seconds`,
        'How long match conditions took that did not all say yes, in seconds.',
        ...conditions,
      ),
      BUCKETS,
    );
  }

  listener(type: 'admit' | 'validate', plugin?: string): TookListener {
    const admitted = new Map<Operation, (seconds: number) => void>();
    const refused = new Map<Operation, (seconds: number) => void>();
    return (operation, rejected, tookMs) => {
      const known = rejected ? refused : admitted;
      let observe = known.get(operation);
      if (observe === undefined) {
        observe = this.#series(plugin, [type, operation, String(rejected)]);
        known.set(operation, observe);
      }
      observe(tookMs / 1000);
    };
  }

  /** Of a plug-in, or of a whole step. */
  #series(plugin: string | undefined, labels: readonly string[]): (seconds: number) => void {
    if (plugin !== undefined) return this.#plugins.of([plugin, ...labels]);
    const observe = this.#steps.of(labels);
    const observeQuantiles = this.#stepQuantiles.of(labels);
    return (seconds) => {
      observe(seconds);
      observeQuantiles(seconds);
    };
  }

  /** A webhook was asked. `code`: 200, its answer's, or 0 for an error of the server itself. */
  webhookAsked(
    { name, type, operation }: WebhookLabels,
    outcome: { readonly code: number; readonly rejected: boolean; readonly tookMs: number },
  ): void {
    const code = String(Math.min(outcome.code, CODE_MAX));
    const rejected = String(outcome.rejected);
    this.#requests.add([name, type, operation, code, rejected]);
    this.#webhooks.observe([name, type, operation, rejected], outcome.tookMs / 1000);
  }

  webhookRejected(
    { name, type, operation }: WebhookLabels,
    error: RejectionError,
    code: number,
  ): void {
    this.#rejections.add([name, type, operation, error, String(Math.min(code, CODE_MAX))]);
  }

  failedOpen({ name, type }: WebhookLabels): void {
    this.#failOpen.add([name, type]);
  }

  conditionErrors(owner: ConditionLabels, operation: Operation, count: number): void {
    if (count > 0)
      this.#conditionErrors.add([owner.name, owner.kind, owner.type, operation], count);
  }

  conditionsEvaluated(owner: ConditionLabels, operation: Operation, tookMs: number): void {
    this.#conditionSeconds.observe([owner.name, owner.kind, owner.type, operation], tookMs / 1000);
  }

  /** `type`: of the step, `admit` or `validate`. */
  excluded(owner: ConditionLabels, operation: Operation): void {
    this.#exclusions.add([owner.name, owner.kind, owner.type, operation]);
  }
}
