/**
 * NodeName: a pod that names its node fits no other.
 *
 * Upstream: pkg/scheduler/framework/plugins/nodename/node_name.go, v1.36.
 */
import type { Plugin, Verdict } from '../framework.ts';

const OTHER: Verdict = {
  plugin: 'NodeName',
  kind: 'UnschedulableAndUnresolvable',
  reasons: ["node(s) didn't match the requested node name"],
};

export const nodeName: Plugin = {
  name: 'NodeName',
  preFilter({ pod }) {
    const asked = pod.spec?.nodeName ?? '';
    if (asked === '') return undefined;
    return { filter: { isLocal: true, check: ({ name }) => (name === asked ? undefined : OTHER) } };
  },
  hints: [{ resource: 'Node', actions: ['Add'] }],
};
