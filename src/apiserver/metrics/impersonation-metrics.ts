/**
 * How often users act as others, and what it costs to decide that.
 *
 * Source: upstream apiserver/pkg/endpoints/filters/impersonation/metrics.
 */
import type { Counter, Histogram, MetricRegistry } from '#base/metrics.ts';

const PREFIX = 'apiserver_impersonation';
/** From a millisecond, each twice the one before. */
const BUCKETS = Array.from({ length: 15 }, (_, at) => 0.001 * 2 ** at);
/** `impersonate:serviceaccount`, `impersonate-on:serviceaccount:list` */
const CONSTRAINED = /^impersonate(?::|-on:)([^:]+)/;

export class ImpersonationMetrics {
  readonly #attempts: Measured;
  readonly #checks: Measured;

  constructor(registry: MetricRegistry) {
    this.#attempts = new Measured(registry, {
      name: `${PREFIX}_attempts`,
      total: 'How often somebody asked to act as another, by mode and outcome.',
      seconds:
        'How long it took to decide whether somebody may act as another, by mode and outcome.',
    });
    this.#checks = new Measured(registry, {
      name: `${PREFIX}_authorization_attempts`,
      total:
        'How often an authorizer was asked whether somebody may act as another, by mode and outcome.',
      seconds:
        'How long authorizers took to say whether somebody may act as another, by mode and outcome.',
    });
  }

  /** Somebody asked to be somebody else. `mode`: how it was granted; undefined when it was not. */
  attempted(mode: string | undefined, tookMs: number): void {
    this.#attempts.add(mode ?? '', mode !== undefined, tookMs);
  }

  /** The authorizer was asked for a right to `verb`. */
  asked(verb: string, allowed: boolean, tookMs: number): void {
    this.#checks.add(CONSTRAINED.exec(verb)?.[1] ?? 'legacy', allowed, tookMs);
  }
}

class Measured {
  readonly #total: Counter;
  readonly #seconds: Histogram;

  constructor(registry: MetricRegistry, head: { name: string; total: string; seconds: string }) {
    const labels = ['decision', 'mode'];
    const stability = 'ALPHA';
    const { name } = head;
    this.#total = registry.counter({ name: `${name}_total`, help: head.total, stability, labels });
    this.#seconds = registry.histogram(
      { name: `${name}_duration_seconds`, help: head.seconds, stability, labels },
      BUCKETS,
    );
  }

  add(mode: string, allowed: boolean, tookMs: number): void {
    const labels = [allowed ? 'allowed' : 'denied', mode];
    this.#total.add(labels);
    this.#seconds.observe(labels, tookMs / 1000);
  }
}
