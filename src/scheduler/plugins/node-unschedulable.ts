/** NodeUnschedulable: cordoned nodes take no pods but those that tolerate it. */
import { isTolerated } from '#api/core/taints.ts';
import type { Plugin } from '../framework.ts';

const TAINT = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' } as const;

export const nodeUnschedulable: Plugin = {
  name: 'NodeUnschedulable',
  filter(pod, { node }) {
    if (node.spec?.unschedulable !== true) return undefined;
    if (isTolerated(pod.pod.spec?.tolerations, TAINT)) return undefined;
    return {
      plugin: 'NodeUnschedulable',
      reasons: ['node(s) were unschedulable'],
      unresolvable: true,
    };
  },
};
