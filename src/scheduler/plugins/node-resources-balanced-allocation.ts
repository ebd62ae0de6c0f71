/**
 * NodeResourcesBalancedAllocation: prefers nodes whose resources fill at the same rate, and counts
 * how much the pod makes that better or worse.
 *
 * Upstream: pkg/scheduler/framework/plugins/noderesources/balanced_allocation.go, v1.36.
 */
import { type NodeInfo, type Plugin, type PodInfo, SCORE_MAX } from '../framework.ts';
import { amountOf } from '../resources.ts';

export interface NodeResourcesBalancedAllocationArgs {
  readonly resources?: readonly { readonly name: string }[];
}

const DEFAULT_RESOURCES: readonly { readonly name: string }[] = [
  { name: 'cpu' },
  { name: 'memory' },
];

interface Asked {
  readonly name: string;
  readonly amount: number;
}

/** 100 when all are used alike, less the further they are apart. */
function balance(node: NodeInfo, asked: readonly Asked[], share: 0 | 1): number {
  const fractions: number[] = [];
  for (const { name, amount } of asked) {
    const allocatable = amountOf(node.allocatable, name);
    if (allocatable === 0) continue;
    const used = amountOf(node.requested, name) + share * amount;
    fractions.push(Math.min(1, used / allocatable));
  }
  return Math.trunc((1 - deviation(fractions)) * SCORE_MAX);
}

function deviation(fractions: readonly number[]): number {
  const [first = 0, second = 0] = fractions;
  if (fractions.length < 2) return 0;
  if (fractions.length === 2) return Math.abs((first - second) / 2);
  const mean = fractions.reduce((sum, fraction) => sum + fraction, 0) / fractions.length;
  const squares = fractions.reduce((sum, fraction) => sum + (fraction - mean) ** 2, 0);
  return Math.sqrt(squares / fractions.length);
}

/** Extended resources that the pod does not ask for are none of its business. */
function askedOf(pod: PodInfo, resources: readonly { readonly name: string }[]): Asked[] {
  return resources
    .map(({ name }) => ({ name, amount: amountOf(pod.requests, name) }))
    .filter(({ name, amount }) => amount > 0 || name === 'cpu' || name === 'memory');
}

export function nodeResourcesBalancedAllocationWith({
  resources = DEFAULT_RESOURCES,
}: NodeResourcesBalancedAllocationArgs): Plugin {
  return {
    name: 'NodeResourcesBalancedAllocation',
    weight: 1,
    preScore(pod) {
      const asked = askedOf(pod, resources);
      // A pod that asks for nothing changes no balance.
      if (asked.every(({ amount }) => amount === 0)) return undefined;
      return {
        score(node) {
          const change = balance(node, asked, 1) - balance(node, asked, 0);
          return SCORE_MAX / 2 + Math.trunc((SCORE_MAX / 2 + change) / 2);
        },
      };
    },
  };
}

export const nodeResourcesBalancedAllocation = nodeResourcesBalancedAllocationWith({});
