/**
 * DefaultPreemption: a pod that is making room for itself is not tried before that is done.
 *
 * What is chosen is in `preemption.ts`, what is written in `preemptor.ts`. Upstream:
 * pkg/scheduler/framework/plugins/defaultpreemption/default_preemption.go, v1.36; KEP-4832.
 */
import type { Plugin, PodInfo, Verdict } from '../framework.ts';

const UNDER_WAY: Verdict = {
  plugin: 'DefaultPreemption',
  kind: 'UnschedulableAndUnresolvable',
  reasons: ['waiting for the preemption for this pod to be finished'],
};

/** `isPreempting`: whether victims of the pod are still being told to go. */
export function defaultPreemption(isPreempting: (pod: PodInfo) => boolean): Plugin {
  return {
    name: 'DefaultPreemption',
    preEnqueue: (pod) => (isPreempting(pod) ? UNDER_WAY : undefined),
    // A victim that is gone has the pod looked at; the plug-ins that refused it decide.
    hints: [{ resource: 'Pod', actions: ['Delete'], helps: () => false }],
  };
}
