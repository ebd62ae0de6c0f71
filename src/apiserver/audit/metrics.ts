/**
 * How many events there are, and what becomes of them.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/audit/metrics.go.
 */
import type { Logger } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import { alpha, type Counter, type MetricRegistry } from '#base/metrics.ts';
import type { Level } from '#api/audit/policy.ts';

const PREFIX = 'apiserver_audit';

/** What takes events on their way. */
export type PluginName = 'log' | 'webhook' | 'buffered' | 'truncate';

export class AuditMetrics {
  readonly #log: Logger;
  readonly #events: Counter;
  readonly #errors: Counter;
  readonly #levels: Counter;
  readonly #rejected: Counter;

  constructor(registry: MetricRegistry, log: Logger) {
    this.#log = log;
    this.#events = registry.counter(
      alpha(`${PREFIX}_event_total`, 'Audit events that were made for the backends.'),
    );
    this.#errors = registry.counter(
      alpha(
        `${PREFIX}_error_total`,
        'Audit events that did not get where they belong, by the part that failed.',
        'plugin',
      ),
    );
    this.#levels = registry.counter(
      alpha(`${PREFIX}_level_total`, 'Requests by the level that the policy says.', 'level'),
    );
    this.#rejected = registry.counter(
      alpha(
        `${PREFIX}_requests_rejected_total`,
        'Requests that were not served because their first event could not be written.',
      ),
    );
  }

  event(): void {
    this.#events.add([]);
  }

  level(level: Level): void {
    this.#levels.add([level]);
  }

  rejected(): void {
    this.#rejected.add([]);
  }

  /** `count` events are lost. The log says why; what they say stays out of it. */
  lost(plugin: PluginName, count: number, cause: unknown): void {
    this.#errors.add([plugin], count);
    this.#log.error('audit events are lost', { plugin, count, error: messageOf(cause) });
  }
}
