/**
 * What is tried for a pod that fits nowhere: the extension point postFilter, in upstream's order.
 *
 * First DynamicResources may give back devices that claims of the pod hold. A pod without claims
 * has none, and that is said; where a plug-in refused the pod before DynamicResources was asked at
 * all, upstream's finds no notes of its own and ends the matter with "not found". Both are in
 * messages that people know. Then comes preemption. Source: upstream v1.36
 * pkg/scheduler/framework/plugins/dynamicresources, framework/runtime (RunPostFilterPlugins).
 */
import { messageOf } from '#base/error.ts';
import type { GiveBack } from './framework.ts';
import {
  type Candidate,
  leastHarm,
  NO_CANDIDATE,
  preemptionCandidates,
  type PreemptionOptions,
  type PreemptionResult,
} from './preemption.ts';

const NO_DEVICES: GiveBack = { message: 'no new claims to deallocate' };
const NOT_ASKED = 'not found';

export interface RoomOptions extends PreemptionOptions {
  /** The profile has DynamicResources at postFilter. */
  readonly givesBack: boolean;
  /** The profile has DefaultPreemption there. */
  readonly preempts: boolean;
}

export interface Room {
  readonly result: PreemptionResult;
  /** What is to be given back, whatever the result is. */
  readonly giveBack?: GiveBack;
}

/** Of a pod for which nothing can be tried. */
export const NO_ROOM: Room = { result: { message: '', keep: true } };

export function makeRoom(options: RoomOptions): Room {
  const begun = begin(options);
  if ('result' in begun) return begun;
  const { found } = begun;
  return roomOf(
    begun,
    'message' in found ? found : (leastHarm(found, options.nowMs) ?? NO_CANDIDATE),
  );
}

/** As `makeRoom`, where others have a say in which of the candidates it is to be. */
export async function makeRoomWith(
  options: RoomOptions,
  choose: (candidates: readonly Candidate[]) => Promise<readonly Candidate[]>,
): Promise<Room> {
  const begun = begin(options);
  if ('result' in begun) return begun;
  const { found } = begun;
  if ('message' in found) return roomOf(begun, found);
  try {
    return roomOf(begun, leastHarm(await choose(found), options.nowMs) ?? NO_CANDIDATE);
  } catch (error) {
    return { result: { message: `preemption: ${messageOf(error)}`, keep: true } };
  }
}

interface Begun {
  readonly giveBack: GiveBack | undefined;
  readonly found: ReturnType<typeof preemptionCandidates>;
}

function begin(options: RoomOptions): Begun | Room {
  const { run, diagnosis, givesBack, preempts } = options;
  const wasAsked = run !== undefined || diagnosis.before?.plugin === 'DynamicResources';
  if (givesBack && !wasAsked) return { result: { message: NOT_ASKED, keep: true } };
  const found = preempts ? preemptionCandidates(options) : { message: '', keep: givesBack };
  if (!givesBack) return { giveBack: undefined, found };
  const filter = run?.filters.find((each) => each.giveBack !== undefined);
  return { giveBack: filter?.giveBack?.() ?? NO_DEVICES, found };
}

function roomOf({ giveBack }: Begun, result: PreemptionResult): Room {
  if (giveBack === undefined) return { result };
  if ('victims' in result) return { result, giveBack };
  const texts = [giveBack.message, result.message].filter((text) => text !== '');
  return { result: { ...result, message: texts.join(', ') }, giveBack };
}
