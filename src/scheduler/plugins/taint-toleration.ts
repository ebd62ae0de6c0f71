/**
 * TaintToleration: hard taints filter, soft ones count against a node.
 *
 * Upstream: pkg/scheduler/framework/plugins/tainttoleration/taint_toleration.go, v1.36.
 */
import { firstUntolerated, isTolerated } from '#api/core/taints.ts';
import { nodesOf, podsOf } from '../cluster-events.ts';
import { normalizeByMax, type Plugin, type Verdict } from '../framework.ts';

const HARD = ['NoSchedule', 'NoExecute'];

const UNTOLERATED: Verdict = {
  plugin: 'TaintToleration',
  kind: 'UnschedulableAndUnresolvable',
  reasons: ['node(s) had untolerated taint(s)'],
};

export const taintToleration: Plugin = {
  name: 'TaintToleration',
  weight: 3,
  preFilter({ pod }) {
    const tolerations = pod.spec?.tolerations;
    return {
      filter: {
        isLocal: true,
        check({ hardTaints }) {
          for (const taint of hardTaints) if (!isTolerated(tolerations, taint)) return UNTOLERATED;
          return undefined;
        },
      },
    };
  },
  preScore({ pod }, nodes) {
    // Where no node has a soft taint, all would score the same.
    if (!nodes.some(({ softTaints }) => softTaints.length > 0)) return undefined;
    const tolerations = (pod.spec?.tolerations ?? []).filter(
      ({ effect }) => !effect || effect === 'PreferNoSchedule',
    );
    return {
      score: ({ softTaints }) =>
        softTaints.filter((taint) => !isTolerated(tolerations, taint)).length,
      normalize: (scores) => normalizeByMax(scores, true),
    };
  },
  hints: [
    {
      resource: 'Node',
      actions: ['Add', 'UpdateNodeTaint'],
      helps({ pod }, event) {
        const { before, after } = nodesOf(event);
        const keepsOff = (node: typeof after): boolean =>
          firstUntolerated(node?.spec?.taints, pod.spec?.tolerations, HARD) !== undefined;
        return (before === undefined || keepsOff(before)) && !keepsOff(after);
      },
    },
    {
      resource: 'Pod',
      actions: ['UpdatePodToleration'],
      helps: ({ uid }, event) => podsOf(event).after?.metadata?.uid === uid,
    },
  ],
};
