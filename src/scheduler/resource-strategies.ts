/**
 * How full a node should be: scores of NodeResourcesFit.
 *
 * cpu and memory are counted as if each container asked for something, so that pods that ask for
 * nothing spread too. Source: upstream v1.36 pkg/scheduler/framework/plugins/noderesources
 * (least_allocated, most_allocated, requested_to_capacity_ratio, resource_allocation).
 */
import { type NodeInfo, type NodeScorer, type PodInfo, SCORE_MAX } from './framework.ts';
import { amountOf } from './resources.ts';

interface WeightedResource {
  readonly name: string;
  readonly weight: number;
}

/** How many of 10 points a node gets that is used to so many per cent; straight between points. */
interface ShapePoint {
  readonly utilization: number;
  readonly score: number;
}

export type ScoringStrategy =
  | {
      readonly type: 'LeastAllocated' | 'MostAllocated';
      readonly resources?: readonly WeightedResource[];
    }
  | {
      readonly type: 'RequestedToCapacityRatio';
      readonly resources?: readonly WeightedResource[];
      readonly shape: readonly ShapePoint[];
    };

const DEFAULT_RESOURCES: readonly WeightedResource[] = [
  { name: 'cpu', weight: 1 },
  { name: 'memory', weight: 1 },
];
const SHAPE_SCORE_MAX = 10;

/** Points for one resource, of which `requested` would be used. */
type Points = (requested: number, capacity: number) => number;

const least: Points = (requested, capacity) =>
  requested > capacity ? 0 : Math.floor(((capacity - requested) * SCORE_MAX) / capacity);

const most: Points = (requested, capacity) =>
  Math.floor((Math.min(requested, capacity) * SCORE_MAX) / capacity);

function byShape(shape: readonly ShapePoint[]): Points {
  const points = shape.map(({ utilization, score }) => ({
    utilization,
    score: score * (SCORE_MAX / SHAPE_SCORE_MAX),
  }));
  const at = (percent: number): number => {
    for (const [i, point] of points.entries()) {
      if (percent > point.utilization) continue;
      const before = points[i - 1];
      if (before === undefined) return point.score;
      const rise = (point.score - before.score) * (percent - before.utilization);
      return before.score + Math.trunc(rise / (point.utilization - before.utilization));
    }
    return points.at(-1)?.score ?? 0;
  };
  return (requested, capacity) =>
    at(requested > capacity ? 100 : Math.floor((requested * 100) / capacity));
}

/** What the pod would bring the use of a resource to. */
function requestedWith(name: string, node: NodeInfo, pod: PodInfo): number {
  if (name === 'cpu') return node.nonZeroRequested.cpu + pod.nonZeroRequests.cpu;
  if (name === 'memory') return node.nonZeroRequested.memory + pod.nonZeroRequests.memory;
  return amountOf(node.requested, name) + amountOf(pod.requests, name);
}

const PLAIN = new Set(['cpu', 'memory', 'ephemeral-storage']);

/** Whether a resource counts for pods too that do not ask for it: every node has it. */
export function isPlain(name: string): boolean {
  return PLAIN.has(name);
}

/** The scorer of each pod by a strategy; LeastAllocated unless given. */
export function strategyScorer(
  strategy: ScoringStrategy = { type: 'LeastAllocated' },
): (pod: PodInfo) => NodeScorer {
  const { resources = DEFAULT_RESOURCES } = strategy;
  const isRatio = strategy.type === 'RequestedToCapacityRatio';
  const points = isRatio
    ? byShape(strategy.shape)
    : strategy.type === 'MostAllocated'
      ? most
      : least;
  return (pod) => {
    const counted = resources.filter(
      ({ name }) => isPlain(name) || amountOf(pod.requests, name) > 0,
    );
    return {
      score(node) {
        let sum = 0;
        let weights = 0;
        for (const { name, weight } of counted) {
          const capacity = amountOf(node.allocatable, name);
          if (capacity === 0) continue;
          const score = points(requestedWith(name, node, pod), capacity);
          // By ratio, a resource without points does not pull the others down.
          if (isRatio && score === 0) continue;
          sum += score * weight;
          weights += weight;
        }
        if (weights === 0) return 0;
        return isRatio ? Math.round(sum / weights) : Math.floor(sum / weights);
      },
    };
  };
}
