/**
 * SchedulingGates: a pod with gates is not tried until all of them are gone (KEP-3521).
 *
 * Upstream: pkg/scheduler/framework/plugins/schedulinggates/scheduling_gates.go, v1.36.
 */
import { podsOf } from '../cluster-events.ts';
import type { Plugin } from '../framework.ts';

export const schedulingGates: Plugin = {
  name: 'SchedulingGates',
  preEnqueue({ pod }) {
    const gates = (pod.spec?.schedulingGates ?? []).map(({ name }) => name);
    if (gates.length === 0) return undefined;
    return {
      plugin: 'SchedulingGates',
      kind: 'UnschedulableAndUnresolvable',
      reasons: [`waiting for scheduling gates: [${gates.join(' ')}]`],
    };
  },
  hints: [
    {
      resource: 'Pod',
      actions: ['UpdatePodSchedulingGatesEliminated'],
      helps: ({ uid }, event) => podsOf(event).after?.metadata?.uid === uid,
    },
  ],
};
