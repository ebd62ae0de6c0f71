/**
 * NodeDeclaredFeatures: a pod runs where the node declares the features that it needs (KEP-5328).
 *
 * Upstream: pkg/scheduler/framework/plugins/nodedeclaredfeatures/nodedeclaredfeatures.go, v1.36.
 */
import { featuresToRun } from '#api/core/node-features.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { nodesOf, podsOf } from '../cluster-events.ts';
import type { Plugin, Verdict } from '../framework.ts';

const MISSING: Verdict = {
  plugin: 'NodeDeclaredFeatures',
  kind: 'UnschedulableAndUnresolvable',
  reasons: ["node(s) didn't match Pod's required features"],
};

const neededBy = ({ spec }: Pod): string[] => (spec === undefined ? [] : featuresToRun(spec));

export const nodeDeclaredFeatures: Plugin = {
  name: 'NodeDeclaredFeatures',
  preFilter({ pod }) {
    const needed = neededBy(pod);
    if (needed.length === 0) return undefined;
    return {
      filter: {
        check({ node }) {
          const declared = node.status?.declaredFeatures ?? [];
          return needed.every((feature) => declared.includes(feature)) ? undefined : MISSING;
        },
      },
    };
  },
  hints: [
    {
      resource: 'Node',
      actions: ['Add', 'UpdateNodeDeclaredFeature'],
      helps(_pod, event) {
        const { before, after } = nodesOf(event);
        if (before === undefined) return true;
        return String(before.status?.declaredFeatures) !== String(after?.status?.declaredFeatures);
      },
    },
    {
      resource: 'Pod',
      actions: ['Update'],
      helps({ uid }, event) {
        const { before, after } = podsOf(event);
        if (before === undefined || after?.metadata?.uid !== uid) return false;
        return String(neededBy(before)) !== String(neededBy(after));
      },
    },
  ],
};
