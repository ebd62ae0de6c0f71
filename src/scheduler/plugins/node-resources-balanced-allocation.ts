/** NodeResourcesBalancedAllocation: prefers nodes whose cpu and memory fill at the same rate. */
import { type NodeInfo, type Plugin, SCORE_MAX } from '../framework.ts';

/** 100 when both are used alike, less the further they are apart. */
function balance(node: NodeInfo, extra: { readonly cpu: number; readonly memory: number }): number {
  const fractions = (['cpu', 'memory'] as const).flatMap((name) => {
    const allocatable = node.allocatable.get(name) ?? 0;
    if (allocatable === 0) return [];
    return [Math.min(1, ((node.requested.get(name) ?? 0) + extra[name]) / allocatable)];
  });
  const [first = 0, second = first] = fractions;
  return Math.floor((1 - Math.abs(first - second) / 2) * SCORE_MAX);
}

export const nodeResourcesBalancedAllocation: Plugin = {
  name: 'NodeResourcesBalancedAllocation',
  weight: 1,
  score(pod, node) {
    const extra = { cpu: pod.requests.get('cpu') ?? 0, memory: pod.requests.get('memory') ?? 0 };
    // A pod that asks for nothing changes no balance: upstream skips it.
    if (extra.cpu === 0 && extra.memory === 0) return 0;
    const before = balance(node, { cpu: 0, memory: 0 });
    return Math.floor(SCORE_MAX / 2 + (SCORE_MAX / 2 + balance(node, extra) - before) / 2);
  },
};
