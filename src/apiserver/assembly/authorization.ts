/** Who decides what may be done. */
import { constant } from '#base/live.ts';
import { type AuthorizationChain, authorizationChain } from '../authz/chain.ts';
import { serverIdentity } from '../bootstrap/identity-lease.ts';
import { AuthorizationMetrics } from '../metrics/authorization-metrics.ts';
import { ConfigMetrics } from '../metrics/config-metrics.ts';
import type { ServerCore } from './core.ts';

const NODE_AND_RBAC = constant([
  { type: 'Node', name: 'node' },
  { type: 'RBAC', name: 'rbac' },
]);

export function createAuthorization(core: ServerCore): AuthorizationChain {
  const { options, environment, reader, metrics, gates, webhookBackends: backends } = core;
  const { authorization = { authorizers: NODE_AND_RBAC } } = options;
  const { authorizers } = authorization;
  if (authorizers.source !== '') {
    const config = new ConfigMetrics(metrics.registry, 'authorization', {
      clock: environment.clock,
      serverId: serverIdentity(options.hostname ?? 'localhost'),
      source: authorizers.source,
    });
    authorizers.subscribe((change) =>
      'error' in change ? config.failed() : config.reloaded(change.source),
    );
  }
  return authorizationChain(authorization, {
    reader,
    environment,
    gates,
    backends,
    metrics: new AuthorizationMetrics(metrics.registry),
  });
}
