/**
 * The order in which nodes are tried: one of each zone by turn, so that the first that will do are
 * not all in one zone. Source: upstream pkg/scheduler/backend/cache/node_tree.go.
 */
import type { NodeInfo } from './framework.ts';

const LABELS = {
  region: ['topology.kubernetes.io/region', 'failure-domain.beta.kubernetes.io/region'],
  zone: ['topology.kubernetes.io/zone', 'failure-domain.beta.kubernetes.io/zone'],
} as const;

function zoneOf({ labels }: NodeInfo): string {
  const first = (names: readonly string[]): string =>
    names.map((name) => labels[name] ?? '').find((value) => value !== '') ?? '';
  return `${first(LABELS.region)}:\0:${first(LABELS.zone)}`;
}

export function nodesInOrder<N extends NodeInfo>(nodes: readonly N[]): N[] {
  const zones = [...Map.groupBy(nodes, zoneOf).values()];
  const ordered: N[] = [];
  for (let turn = 0; ordered.length < nodes.length; turn++) {
    for (const zone of zones) {
      const node = zone[turn];
      if (node !== undefined) ordered.push(node);
    }
  }
  return ordered;
}
