/** All that followed in a part of the fork's life. */
import { EVENT } from '#api/core/event.ts';
import { POD } from '#api/core/pod.ts';
import { explain } from '#why/explain.ts';
import type { Fork } from '../fork/fork.ts';
import { countBefore, lossOf } from './capacity.ts';
import { evictions } from './evictions.ts';
import { failedCreations } from './failed-creations.ts';
import { type ChangeFacts, objectChanges } from './objects.ts';
import type { Observer, PodLife } from './observer.ts';
import { type Phase, secondsIn } from './phase.ts';
import type {
  Consequences,
  PlannedBudget,
  PlannedCapacity,
  PlannedPending,
} from './plan-result.ts';
import { placeOf, podChanges, unreadyPods, workloadOf } from './pods.ts';

export interface ConsequenceFacts {
  readonly fork: Fork;
  readonly observer: Observer;
  readonly phase: Phase;
  readonly objects: ChangeFacts;
  readonly waitedMs: (uid: string) => number | undefined;
}

/** Pods that are explained one by one; of others the workload is named. */
const EXPLAINED_MAX = 20;

export async function consequences(facts: ConsequenceFacts): Promise<Consequences> {
  const { fork, observer, phase } = facts;
  const lives = observer.pods;
  const { items: events } = await fork.run(fork.client.list(EVENT, { shared: true }));
  return {
    refused: failedCreations(events, phaseTimes(fork, phase)),
    objects: objectChanges(facts.objects),
    pods: podChanges(lives.values(), phase),
    evictions: evictions({ lives, events, waitedMs: facts.waitedMs }, phase),
    pending: await explained(fork, unreadyPods(lives.values(), phase)),
    capacity: capacityOf(observer, phase),
    budgets: budgetsOf(observer, phase),
  };
}

/** As events tell them: whole seconds since 1970. */
function phaseTimes({ environment }: Fork, { fromMs, untilMs }: Phase): Phase {
  const startMs = environment.clock.now() - environment.elapsedMs;
  return { fromMs: Math.floor((startMs + fromMs) / 1000) * 1000, untilMs: startMs + untilMs };
}

async function explained(fork: Fork, lives: readonly PodLife[]): Promise<PlannedPending[]> {
  const pending: PlannedPending[] = [];
  for (const [index, life] of lives.entries()) {
    const { name, namespace } = life;
    const subject = { type: POD, name, namespace };
    const found =
      index < EXPLAINED_MAX
        ? await fork.run(explain(fork.client, subject, fork.environment))
        : undefined;
    pending.push({
      namespace,
      ...placeOf(life),
      ...workloadOf(life),
      sentence: found?.sentence ?? `Pod ${name} is not ready.`,
      remedies: found?.remedies ?? [],
    });
  }
  return pending;
}

function capacityOf({ courses }: Observer, phase: Phase): PlannedCapacity[] {
  return [...courses.values()].flatMap(({ workload, ready, wanted }) => {
    const loss = lossOf({ ready, wanted, ...phase });
    if (loss === undefined) return [];
    const { of, least, fromMs, untilMs, totalMs } = loss;
    return [
      {
        workload: `${workload.kind} ${workload.name}`,
        namespace: workload.namespace,
        least,
        of,
        fromSeconds: secondsIn(phase, fromMs),
        ...(untilMs === undefined ? {} : { untilSeconds: secondsIn(phase, untilMs) }),
        totalSeconds: Math.round(totalMs / 100) / 10,
      },
    ];
  });
}

function budgetsOf({ budgets }: Observer, { fromMs, untilMs }: Phase): PlannedBudget[] {
  return [...budgets.values()].flatMap(({ namespace, name, allowed }) => {
    const allowedBefore = countBefore(allowed, fromMs);
    const later = allowed.filter(({ atMs }) => atMs >= fromMs && atMs < untilMs);
    const least = Math.min(allowedBefore, ...later.map(({ count }) => count));
    return least < allowedBefore ? [{ namespace, name, allowedBefore, least }] : [];
  });
}
