/** What the kubelet's server serves, of the parts of a kubelet that runs. */
import type { ObservedPod } from '../pod/observed.ts';
import type { KubeletOptions } from '../kubelet.ts';
import type { NodeFacts } from '../node/node-object.ts';
import type { NodeContext } from '../pod/node-context.ts';
import { observeKubelet } from '../stats/kubelet-metrics.ts';
import { NodeStats } from '../stats/node-stats.ts';
import type { ServedPods } from './served-pods.ts';
import type { KubeletServerOptions } from './server.ts';
import { TokenReviews } from './token-reviews.ts';

export interface ServerParts extends Pick<KubeletServerOptions, 'healthChecks' | 'authorize'> {
  readonly context: NodeContext;
  readonly facts: NodeFacts;
  /** When the kubelet was started, milliseconds since 1970. */
  readonly startedMs: number;
  readonly pods: ServedPods;
}

/** Called once for a kubelet: what is counted when somebody looks is registered here. */
export function serverOptions(
  options: KubeletOptions,
  { context, facts: { machine }, startedMs, pods, healthChecks, authorize }: ServerParts,
): KubeletServerOptions {
  const { cache, cgroups, cri, environment, metrics, volumes } = context;
  const { client, cgroupRoot, node, sandboxImage } = options;
  const nodeName = node.name;
  const observed = (): ObservedPod[] => cache.list();
  observeKubelet(metrics.registry, {
    nodeName,
    startedMs,
    cgroupVersion: cgroups?.hierarchy.version,
    pods: () => pods.list(),
    observed,
  });
  const reviews = new TokenReviews(client, environment.clock);
  return {
    ...options,
    nodeName,
    cri,
    pods,
    observed,
    stats: new NodeStats({ ...options, cri, nodeName, pods, cgroups, volumes }),
    metrics,
    facts: { machine, sandboxImage, podsPath: cgroups?.podsPath ?? '' },
    configuration: { ...options, cgroupRoot, port: node.serverPort },
    healthChecks,
    userOfToken: (token) => reviews.userOf(token),
    authorize,
  };
}
