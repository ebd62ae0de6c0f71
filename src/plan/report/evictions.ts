/** Which pods would be made to go, by whom, and how long a budget held that up. Pure. */
import { podCondition } from '#api/core/pod-helpers.ts';
import type { Event } from '#api/gen/core-v1.ts';
import type { PodLife } from './observer.ts';
import { isDeletedIn, type Phase, secondsIn } from './phase.ts';
import { placeOf, workloadOf } from './pods.ts';
import type { PlannedEviction } from './plan-result.ts';

export interface EvictionFacts {
  readonly lives: ReadonlyMap<string, PodLife>;
  /** The scheduler says there whom a pod had to give way to. */
  readonly events: readonly Event[];
  /** Of a pod by its uid; undefined when nothing held it up. */
  readonly waitedMs: (uid: string) => number | undefined;
}

/** Who else puts the condition on pods, and why they say they do. */
const BY: Readonly<Record<string, string>> = {
  EvictionByEvictionAPI: 'an eviction',
  DeletionByTaintManager: 'a taint of its node',
  DeletionByDeviceTaintManager: 'a taint of its device',
  DeletionByPodGC: 'the loss of its node',
  TerminationByKubelet: 'its node',
};
const PREEMPTED = /^Preempted by pod (\S+) on node/;

export function evictions(facts: EvictionFacts, phase: Phase): PlannedEviction[] {
  return [...facts.lives.values()]
    .filter((life) => isDeletedIn(phase, life))
    .flatMap((life) => {
      const condition = podCondition(life.pod, 'DisruptionTarget');
      if (condition?.status !== 'True') return [];
      const { reason = '', message = '' } = condition;
      const waitedMs = facts.waitedMs(life.uid);
      return [
        {
          namespace: life.namespace,
          ...placeOf(life),
          ...workloadOf(life),
          reason,
          by: preemptor(life, facts) ?? BY[reason] ?? message,
          atSeconds: secondsIn(phase, life.deletedMs ?? phase.fromMs),
          ...(waitedMs === undefined ? {} : { waitedSeconds: Math.round(waitedMs / 1000) }),
        },
      ];
    });
}

function preemptor({ uid }: PodLife, { events, lives }: EvictionFacts): string | undefined {
  const event = events.find(
    ({ reason, involvedObject }) => reason === 'Preempted' && involvedObject.uid === uid,
  );
  const found = lives.get(PREEMPTED.exec(event?.message ?? '')?.[1] ?? '');
  if (found === undefined) return undefined;
  const { priority = 0 } = found.pod.spec ?? {};
  return `Pod ${found.namespace}/${found.name}, of priority ${priority}`;
}
