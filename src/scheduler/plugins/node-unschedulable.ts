/**
 * NodeUnschedulable: cordoned nodes take no pods but those that tolerate it.
 *
 * Upstream: pkg/scheduler/framework/plugins/nodeunschedulable/node_unschedulable.go, v1.36.
 */
import { isTolerated } from '#api/core/taints.ts';
import { nodesOf, podsOf } from '../cluster-events.ts';
import type { NodeFilter, Plugin, Verdict } from '../framework.ts';

const TAINT = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' } as const;

const CORDONED: Verdict = {
  plugin: 'NodeUnschedulable',
  kind: 'UnschedulableAndUnresolvable',
  reasons: ['node(s) were unschedulable'],
};

const FILTER: NodeFilter = {
  isLocal: true,
  check: (node) => (node.unschedulable ? CORDONED : undefined),
};

export const nodeUnschedulable: Plugin = {
  name: 'NodeUnschedulable',
  preFilter: ({ pod }) =>
    isTolerated(pod.spec?.tolerations, TAINT) ? undefined : { filter: FILTER },
  hints: [
    {
      resource: 'Node',
      actions: ['Add', 'UpdateNodeTaint'],
      helps(_pod, event) {
        const { before, after } = nodesOf(event);
        const wasCordoned = before === undefined || before.spec?.unschedulable === true;
        return wasCordoned && after?.spec?.unschedulable !== true;
      },
    },
    {
      resource: 'Pod',
      actions: ['UpdatePodToleration'],
      helps({ uid }, event) {
        const { after } = podsOf(event);
        return after?.metadata?.uid === uid && isTolerated(after.spec?.tolerations, TAINT);
      },
    },
  ],
};
