/**
 * What is tried for a pod that fits nowhere: the extension point postFilter, in upstream's order.
 *
 * First DynamicResources may give back devices that claims of the pod hold. A pod without claims
 * has none, and that is said; where a plug-in refused the pod before DynamicResources was asked at
 * all, upstream's finds no notes of its own and ends the matter with "not found". Both are in
 * messages that people know. Then comes preemption. Source: upstream v1.36
 * pkg/scheduler/framework/plugins/dynamicresources, framework/runtime (RunPostFilterPlugins).
 */
import {
  type Candidate,
  leastHarm,
  NO_CANDIDATE,
  preemptionCandidates,
  type PreemptionOptions,
  type PreemptionResult,
} from './preemption.ts';

const NO_DEVICES = 'no new claims to deallocate';
const NOT_ASKED = 'not found';

/** A profile that has no DefaultPreemption at postFilter makes no room. */
export function noRoom({
  run,
}: {
  readonly run?: PreemptionOptions['run'];
}): Extract<PreemptionResult, { readonly message: string }> {
  return { message: run === undefined ? NOT_ASKED : NO_DEVICES, keep: true };
}

export function makeRoom(options: PreemptionOptions): PreemptionResult {
  const found = candidatesFor(options);
  if ('message' in found) return found;
  return leastHarm(found, options.nowMs) ?? nobody(NO_CANDIDATE);
}

/** As `makeRoom`, where others have a say in which of the candidates it is to be. */
export async function makeRoomWith(
  options: PreemptionOptions,
  choose: (candidates: readonly Candidate[]) => Promise<readonly Candidate[]>,
): Promise<PreemptionResult> {
  const found = candidatesFor(options);
  if ('message' in found) return found;
  try {
    return leastHarm(await choose(found), options.nowMs) ?? nobody(NO_CANDIDATE);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { message: `preemption: ${why}`, keep: true };
  }
}

function candidatesFor(options: PreemptionOptions): ReturnType<typeof preemptionCandidates> {
  if (options.run === undefined) return { message: NOT_ASKED, keep: true };
  const found = preemptionCandidates(options);
  return 'message' in found ? nobody(found) : found;
}

function nobody<R extends { readonly message: string }>(result: R): R {
  return { ...result, message: `${NO_DEVICES}, ${result.message}` };
}
