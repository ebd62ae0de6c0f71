/**
 * Admission policies: what came of their expressions, and how long they took.
 *
 * Source: upstream v1.36 admission/plugin/policy/{validating,mutating}/metrics/metrics.go and
 * errors.go for what an error is counted as.
 */
import { alpha, beta, type Counter, type Histogram, type MetricRegistry } from '#base/metrics.ts';
import { OUT_OF_BUDGET } from '../admission/matching/compiled.ts';

const BUCKETS = [0.0000005, 0.001, 0.01, 0.1, 1];

/** Of which policy and binding, by their names. */
export interface PolicyLabels {
  readonly policy: string;
  readonly binding: string;
}

export type Enforcement = 'allow' | 'deny' | 'audit' | 'warn';

/** `message`: undefined where there was no error. A refusal counts as an error too. */
function errorType(message: string | undefined): string {
  if (message === undefined) return 'no_error';
  if (message.startsWith('compilation')) return 'compile_error';
  return message.startsWith(OUT_OF_BUDGET.split(',', 1)[0] ?? '')
    ? 'out_of_budget'
    : 'invalid_error';
}

export class ValidatingPolicyMetrics {
  readonly #checks: Counter;
  readonly #seconds: Histogram;

  constructor(registry: MetricRegistry) {
    const labels = ['policy', 'policy_binding', 'error_type', 'enforcement_action'];
    this.#checks = registry.counter(
      beta(
        'apiserver_validating_admission_policy_check_total',
        'Validations that refused a request or could not be decided, by what was done about it.',
        ...labels,
      ),
    );
    this.#seconds = registry.histogram(
      beta(
        'apiserver_validating_admission_policy_check_duration_seconds',
        'How long one such validation took, in seconds.',
        ...labels,
      ),
      BUCKETS,
    );
  }

  enforced(
    { policy, binding }: PolicyLabels,
    action: Enforcement,
    { message, tookMs }: { readonly message: string; readonly tookMs: number },
  ): void {
    const labels = [policy, binding, errorType(message), action];
    this.#checks.add(labels);
    this.#seconds.observe(labels, tookMs / 1000);
  }
}

export class MutatingPolicyMetrics {
  readonly #checks: Counter;
  readonly #seconds: Histogram;

  constructor(registry: MetricRegistry) {
    const labels = ['policy', 'policy_binding', 'error_type'];
    this.#checks = registry.counter(
      alpha(
        'apiserver_mutating_admission_policy_check_total',
        'Mutations that policies have made, or failed to make.',
        ...labels,
      ),
    );
    this.#seconds = registry.histogram(
      alpha(
        'apiserver_mutating_admission_policy_check_duration_seconds',
        'How long one mutation of a policy took, in seconds.',
        ...labels,
      ),
      BUCKETS,
    );
  }

  /** `error`: why nothing came of it. */
  mutated({ policy, binding }: PolicyLabels, error: string | undefined, tookMs: number): void {
    const labels = [policy, binding, errorType(error)];
    this.#checks.add(labels);
    this.#seconds.observe(labels, tookMs / 1000);
  }
}
