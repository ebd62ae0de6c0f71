/**
 * How often a pass of a controller was put off, because a cache did not show its last one's writes.
 *
 * Upstream: …_stale_sync_skips_total of the job, daemon set and replica set controllers, v1.36.
 */
import { alpha, type Counter, type MetricRegistry } from '#base/metrics.ts';
import type { ResourceType } from '#client/client.ts';
import type { KubeObject } from '#api/meta/object.ts';

export class StaleMetrics {
  readonly #skips: Counter;

  /** `subsystem`: what the name begins with, `job_controller`. */
  constructor(registry: MetricRegistry, subsystem: string) {
    this.#skips = registry.counter(
      alpha(
        `${subsystem}_stale_sync_skips_total`,
        'Passes that were put off until a cache shows what was written.',
        'group',
        'resource',
      ),
    );
  }

  /** `type`: what the cache is of. */
  skipped({ group, plural }: ResourceType<KubeObject>): void {
    this.#skips.add([group, plural]);
  }
}
