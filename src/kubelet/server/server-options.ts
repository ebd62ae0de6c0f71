/** What the kubelet's server serves, of the parts of a kubelet that runs. */
import type { ObservedPod } from '../pod/observed.ts';
import type { KubeletOptions } from '../kubelet-options.ts';
import type { NodeFacts } from '../node/node-object.ts';
import type { NodeContext } from '../pod/node-context.ts';
import { observeKubelet } from '../stats/kubelet-metrics.ts';
import { NodeStats } from '../stats/node-stats.ts';
import type { ServedPods } from './served-pods.ts';
import type { KubeletServerOptions } from './server.ts';
import { milliseconds } from '../config/durations.ts';
import { AccessReviews } from './access-reviews.ts';
import { TokenReviews } from './token-reviews.ts';

export interface ServerParts extends Pick<KubeletServerOptions, 'healthChecks'> {
  readonly context: NodeContext;
  readonly facts: NodeFacts;
  /** When the kubelet was started, milliseconds since 1970. */
  readonly startedMs: number;
  readonly pods: ServedPods;
}

/** Called once for a kubelet: what is counted when somebody looks is registered here. */
export function serverOptions(
  options: KubeletOptions,
  { context, facts: { machine }, startedMs, pods, healthChecks }: ServerParts,
): KubeletServerOptions {
  const { cache, cgroups, cri, environment, metrics, volumes } = context;
  const { client, configuration, node, sandboxImage } = options;
  const nodeName = node.name;
  const observed = (): ObservedPod[] => cache.list();
  observeKubelet(metrics.registry, {
    nodeName,
    startedMs,
    cgroupVersion: cgroups?.hierarchy.version,
    pods: () => pods.list(),
    observed,
  });
  const { authentication, authorization, podLogsDir: logRoot } = configuration;
  const { clock } = environment;
  const tokens = new TokenReviews(client, clock, milliseconds(authentication.webhook.cacheTTL));
  const accesses = new AccessReviews({
    client,
    clock,
    allowedMs: milliseconds(authorization.webhook.cacheAuthorizedTTL),
    refusedMs: milliseconds(authorization.webhook.cacheUnauthorizedTTL),
  });
  return {
    ...options,
    nodeName,
    cri,
    pods,
    observed,
    stats: new NodeStats({
      ...options,
      logRoot,
      volumeStatsAggPeriodMs: milliseconds(configuration.volumeStatsAggPeriod),
      cri,
      nodeName,
      pods,
      cgroups,
      volumes,
    }),
    metrics,
    facts: { machine, sandboxImage, podsPath: cgroups?.podsPath ?? '' },
    healthChecks,
    ...(authentication.webhook.enabled
      ? { userOfToken: (token: string) => tokens.userOf(token) }
      : {}),
    authorize:
      authorization.mode === 'AlwaysAllow' ? () => true : (access) => accesses.mayAccess(access),
  };
}
