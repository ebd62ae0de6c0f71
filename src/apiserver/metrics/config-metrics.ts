/**
 * How it goes with configuration files that are read again while the server runs.
 *
 * Source: upstream v1.36 staging/src/k8s.io/apiserver/pkg/server/options/{authentication,
 * authorization}config/metrics.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '#base/env.ts';
import type { Live } from '#base/live.ts';
import { alpha, beta, type MetricRegistry } from '#base/metrics.ts';

/**
 * Tells of each change of `live` under `apiserver_WHAT_config_controller_…`. `serverId`: the identity
 * of this server, of which a hash is shown. Answers the way to stop.
 */
export function observeConfig(
  registry: MetricRegistry,
  what: 'authentication' | 'authorization',
  options: { readonly live: Live<unknown>; readonly clock: Clock; readonly serverId: string },
): () => void {
  const { live, clock, serverId } = options;
  const prefix = `apiserver_${what}_config_controller`;
  const server = hashOf(serverId);
  const reloads = registry.counter(
    beta(
      `${prefix}_automatic_reloads_total`,
      `How often the ${what} configuration was read again.`,
      'status',
      'apiserver_id_hash',
    ),
  );
  const lastReload = registry.gauge(
    beta(
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
    () => [[[server, hashOf(live.source)], 1]],
  );
  return live.subscribe((change) => {
    const labels = ['error' in change ? 'failure' : 'success', server];
    reloads.add(labels);
    lastReload.set(labels, clock.now() / 1000);
  });
}

function hashOf(text: string): string {
  return text === '' ? '' : `sha256:${createHash('sha256').update(text).digest('hex')}`;
}
