/** TaintToleration: hard taints filter, soft ones count against a node. */
import { isTolerated } from '#api/core/taints.ts';
import { normalizeByMax, type Plugin } from '../framework.ts';

export const taintToleration: Plugin = {
  name: 'TaintToleration',
  weight: 3,
  filter({ pod }, { node }) {
    const tolerations = pod.spec?.tolerations ?? [];
    const hard = (node.spec?.taints ?? []).some(
      (taint) =>
        (taint.effect === 'NoSchedule' || taint.effect === 'NoExecute') &&
        !isTolerated(tolerations, taint),
    );
    return hard
      ? {
          plugin: 'TaintToleration',
          reasons: ['node(s) had untolerated taint(s)'],
          unresolvable: true,
        }
      : undefined;
  },
  score({ pod }, { node }) {
    const tolerations = (pod.spec?.tolerations ?? []).filter(
      ({ effect }) => !effect || effect === 'PreferNoSchedule',
    );
    const soft = (node.spec?.taints ?? []).filter(({ effect }) => effect === 'PreferNoSchedule');
    return soft.filter((taint) => !isTolerated(tolerations, taint)).length;
  },
  normalize: (scores) => normalizeByMax(scores, true),
};
