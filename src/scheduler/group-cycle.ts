/**
 * A scheduling cycle for a group: its pods are tried one after the other, each as if those before it
 * were where they are to be, and what comes of it counts for all.
 *
 * Source: KEP-4671; upstream v1.36 pkg/scheduler/schedule_one_podgroup.go
 * (podGroupSchedulingDefaultAlgorithm).
 */
import { messageOf } from '#base/error.ts';
import type { CycleResult, Refusal } from './cycle.ts';
import type { FilterRun } from './filter-run.ts';
import type { PodInfo, Reservation, Verdict } from './framework.ts';
import type { Room } from './make-room.ts';

/** Where a pod is to be, and what is held for it there. */
export interface Place {
  readonly node: string;
  readonly reservations: readonly Reservation[];
  /** The node that was kept for it before; empty: none. */
  readonly nominated: string;
}

export interface Refused {
  readonly refusal: Refusal;
  readonly room: Room;
}

/** What came of one pod: a place, a refusal, or both where others must go first. */
export interface Trial {
  readonly pod: PodInfo;
  readonly place?: Place;
  readonly refused?: Refused;
  /** Why it may not be bound yet, though it has a place. */
  readonly waits?: Verdict;
  readonly error?: unknown;
}

export type GroupStatus =
  | 'scheduled'
  | 'unschedulable'
  /** It will fit when those who must go are gone. */
  | 'preempting'
  | { readonly error: string };

export interface GroupResult {
  readonly status: GroupStatus;
  /** In order; after an error there are fewer than pods. */
  readonly trials: readonly Trial[];
}

export interface GroupTools {
  decide(pod: PodInfo): CycleResult | Promise<CycleResult>;
  makeRoom(pod: PodInfo, refusal: Refusal): Room | Promise<Room>;
  /** Counts the pod on the node, and holds what it takes there. */
  take(pod: PodInfo, node: string, run: FilterRun | undefined): Place;
  /** Undoes `take`. */
  giveBack(pod: PodInfo, place: Place): void;
  /** Asked when the pod has a place: what it waits for. */
  permit(pod: PodInfo): Verdict | undefined;
}

/** Of a group that is scheduled the places are kept, of another one all are given back. */
export async function tryGroup(pods: readonly PodInfo[], tools: GroupTools): Promise<GroupResult> {
  const trials: Trial[] = [];
  let status: GroupStatus = 'unschedulable';
  let needsRoom = false;
  for (const pod of pods) {
    const trial = await tryPod(pod, tools);
    trials.push(trial);
    if (trial.error !== undefined) {
      const why = messageOf(trial.error);
      status = { error: `failed to schedule other pod from a pod group: ${why}` };
      break;
    }
    if (trial.place === undefined) continue;
    if (trial.refused !== undefined) needsRoom = true;
    if (trial.waits === undefined) status = needsRoom ? 'preempting' : 'scheduled';
  }
  if (status !== 'scheduled')
    for (const { pod, place } of trials.toReversed())
      if (place !== undefined) tools.giveBack(pod, place);
  return { status, trials };
}

async function tryPod(pod: PodInfo, tools: GroupTools): Promise<Trial> {
  let place: Place | undefined;
  try {
    const result = await tools.decide(pod);
    if (!('diagnosis' in result)) {
      place = tools.take(pod, result.node, result.run);
      return withPermit({ pod, place }, tools);
    }
    const room = await tools.makeRoom(pod, result);
    const refused = { refusal: result, room };
    if (!('victims' in room.result)) return { pod, refused };
    place = tools.take(pod, room.result.node, undefined);
    return withPermit({ pod, refused, place }, tools);
  } catch (error) {
    if (place !== undefined) tools.giveBack(pod, place);
    return { pod, error };
  }
}

function withPermit(trial: Trial, tools: GroupTools): Trial {
  const waits = tools.permit(trial.pod);
  return waits === undefined ? trial : { ...trial, waits };
}
