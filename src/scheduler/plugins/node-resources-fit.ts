/** NodeResourcesFit: requests must fit what is left; the emptier node is the better one. */
import { type NodeInfo, type PodInfo, type Plugin, SCORE_MAX } from '../framework.ts';

/** Names the reasons that a pod does not fit, in upstream's order and words. */
function insufficient(pod: PodInfo, node: NodeInfo): string[] {
  const reasons: string[] = [];
  const maxPods = node.allocatable.get('pods') ?? 0;
  if (node.pods.size + 1 > maxPods) reasons.push('Too many pods');
  for (const [name, amount] of pod.requests) {
    if (amount === 0) continue;
    const free = (node.allocatable.get(name) ?? 0) - (node.requested.get(name) ?? 0);
    if (amount > free) reasons.push(`Insufficient ${name}`);
  }
  return reasons;
}

/** A request beyond what the node has at all: no eviction would help. */
function neverFits(pod: PodInfo, node: NodeInfo): boolean {
  for (const [name, amount] of pod.requests)
    if (amount > (node.allocatable.get(name) ?? 0)) return true;
  return false;
}

export const nodeResourcesFit: Plugin = {
  name: 'NodeResourcesFit',
  weight: 1,
  filter(pod, node) {
    const reasons = insufficient(pod, node);
    if (reasons.length === 0) return undefined;
    return { plugin: 'NodeResourcesFit', reasons, unresolvable: neverFits(pod, node) };
  },
  score(pod, node) {
    const scores = (['cpu', 'memory'] as const).flatMap((name) => {
      const allocatable = node.allocatable.get(name) ?? 0;
      if (allocatable === 0) return [];
      const requested = node.nonZeroRequested[name] + pod.nonZeroRequests[name];
      return [
        requested > allocatable
          ? 0
          : Math.floor(((allocatable - requested) * SCORE_MAX) / allocatable),
      ];
    });
    return scores.length === 0
      ? 0
      : Math.floor(scores.reduce((sum, score) => sum + score, 0) / scores.length);
  },
};
