/**
 * NodeResourcesBalancedAllocation: prefers nodes whose resources fill at the same rate, and counts
 * how much the pod makes that better or worse.
 *
 * Upstream: pkg/scheduler/framework/plugins/noderesources/balanced_allocation.go, v1.36.
 */
import { type NodeInfo, type Plugin, type PodInfo, SCORE_MAX } from '../framework.ts';
import { isPlain } from '../resource-strategies.ts';
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

/** How much of a resource is used with so much of the pod: 0 to 1; undefined: there is none. */
function fraction(node: NodeInfo, { name, amount }: Asked, share: 0 | 1): number | undefined {
  const allocatable = amountOf(node.allocatable, name);
  if (allocatable === 0) return undefined;
  return Math.min(1, (amountOf(node.requested, name) + share * amount) / allocatable);
}

/** 100 when all are used alike, less the further they are apart. Called for every candidate. */
function balance(node: NodeInfo, asked: readonly Asked[], share: 0 | 1): number {
  let count = 0;
  let sum = 0;
  let last = 0;
  for (const each of asked) {
    const used = fraction(node, each, share);
    if (used === undefined) continue;
    count += 1;
    sum += used;
    last = used;
  }
  if (count < 2) return SCORE_MAX;
  // Of two, half of what they are apart: sum - last is the other one.
  if (count === 2) return Math.trunc((1 - Math.abs((sum - last - last) / 2)) * SCORE_MAX);
  let squares = 0;
  for (const each of asked) {
    const used = fraction(node, each, share);
    if (used !== undefined) squares += (used - sum / count) ** 2;
  }
  return Math.trunc((1 - Math.sqrt(squares / count)) * SCORE_MAX);
}

/** Extended resources that the pod does not ask for are none of its business. */
function askedOf(pod: PodInfo, resources: readonly { readonly name: string }[]): Asked[] {
  return resources
    .map(({ name }) => ({ name, amount: amountOf(pod.requests, name) }))
    .filter(({ name, amount }) => amount > 0 || isPlain(name));
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
