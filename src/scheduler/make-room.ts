/**
 * What is tried for a pod that fits nowhere: the extension point postFilter, in upstream's order.
 *
 * First DynamicResources may give back devices that claims of the pod hold. A pod without claims
 * has none, and that is said; where a plug-in refused the pod before DynamicResources was asked at
 * all, upstream's finds no notes of its own and ends the matter with "not found". Both are in
 * messages that people know. Then comes preemption. Source: upstream v1.36
 * pkg/scheduler/framework/plugins/dynamicresources, framework/runtime (RunPostFilterPlugins).
 */
import { preempt, type PreemptionOptions, type PreemptionResult } from './preemption.ts';

const NO_DEVICES = 'no new claims to deallocate';
const NOT_ASKED = 'not found';

export function makeRoom(options: PreemptionOptions): PreemptionResult {
  if (options.run === undefined) return { message: NOT_ASKED, keep: true };
  const result = preempt(options);
  if ('victims' in result) return result;
  return { ...result, message: `${NO_DEVICES}, ${result.message}` };
}
