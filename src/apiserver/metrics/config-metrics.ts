/**
 * How it goes with configuration files that are read again while the server runs.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/server/options/{authentication,
 * authorization,encryption}config/metrics.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '#base/env.ts';
import { alpha, beta, type Counter, type MetricRegistry } from '#base/metrics.ts';

/** Of one configuration. */
export class ConfigMetrics {
  readonly #clock: Clock;
  readonly #server: string;
  readonly #reloads: Counter;
  readonly #lastReload: Counter;
  #hash: string;

  /** `serverId`: the identity of this server. `source`: the text that holds. */
  constructor(
    registry: MetricRegistry,
    what: 'authentication' | 'authorization' | 'encryption',
    options: { readonly clock: Clock; readonly serverId: string; readonly source: string },
  ) {
    const prefix = `apiserver_${what}_config_controller`;
    this.#clock = options.clock;
    this.#server = hashLabel(options.serverId);
    this.#hash = hashLabel(options.source);
    const head = what === 'encryption' ? alpha : beta;
    this.#reloads = registry.counter(
      head(
        `${prefix}_automatic_reloads_total`,
        `How often the ${what} configuration was read again.`,
        'status',
        'apiserver_id_hash',
      ),
    );
    this.#lastReload = registry.gauge(
      head(
        `${prefix}_automatic_reload_last_timestamp_seconds`,
        `When the ${what} configuration was read again last.`,
        'status',
        'apiserver_id_hash',
      ),
    );
    registry.observed(
      alpha(
        `${prefix}_last_config_info`,
        `The hash of the ${what} configuration that holds.`,
        'apiserver_id_hash',
        'hash',
      ),
      () => [[[this.#server, this.#hash], 1]],
    );
  }

  /** Another text holds. */
  reloaded(source: string): void {
    this.#hash = hashLabel(source);
    this.#count('success');
  }

  /** One could not be used. */
  failed(): void {
    this.#count('failure');
  }

  #count(status: string): void {
    const labels = [status, this.#server];
    this.#reloads.add(labels);
    this.#lastReload.set(labels, this.#clock.now() / 1000);
  }
}

/** A hash in place of what labels should not tell; empty for nothing. */
export function hashLabel(text: string): string {
  return text === '' ? '' : `sha256:${createHash('sha256').update(text).digest('hex')}`;
}
