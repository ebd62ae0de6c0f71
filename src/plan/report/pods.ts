/** Which pods would come, go, and take the place of which. Pure. */
import { isPodTerminal } from '#api/core/pod-helpers.ts';
import { workloadText } from '../fork/owners.ts';
import type { PodLife } from './observer.ts';
import { isDeletedIn, isMadeIn, isTurnedIn, type Phase, secondsIn } from './phase.ts';
import type { PlannedPod, PodPlace } from './plan-result.ts';

export function podChanges(lives: Iterable<PodLife>, phase: Phase): PlannedPod[] {
  const all = [...lives];
  const made = all.filter((life) => isMadeIn(phase, life));
  const gone = all.filter((life) => isDeletedIn(phase, life));
  const goneSet = new Set(gone);
  const madeSet = new Set(made);
  const stay = made.filter((life) => !goneSet.has(life));
  const before = gone.filter((life) => !madeSet.has(life));
  const pairs = pairsOf(before, stay);
  const replaced = new Set(pairs.values());
  const rows = [
    ...stay.map((life) => successor(phase, life, pairs.get(life))),
    ...made.filter((life) => goneSet.has(life)).map((life) => row(phase, life, 'passing')),
    ...before
      .filter((life) => !replaced.has(life))
      .map((life) => row(phase, life, 'deleted', life.deletedMs)),
    ...all
      .filter((life) => life.isReady && !madeSet.has(life) && !goneSet.has(life))
      .filter((life) => isTurnedIn(phase, life))
      .map((life) => row(phase, life, 'started', life.turnedMs)),
  ];
  return rows.toSorted((a, b) => order(a.namespace, b.namespace) || a.atSeconds - b.atSeconds);
}

function order(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Each new pod with the one whose place it took: of the same workload, best the same name or node. */
function pairsOf(gone: readonly PodLife[], made: readonly PodLife[]): Map<PodLife, PodLife> {
  const pairs = new Map<PodLife, PodLife>();
  const left = new Set(gone.toSorted((a, b) => (a.deletedMs ?? 0) - (b.deletedMs ?? 0)));
  const rules: ((a: PodLife, b: PodLife) => boolean)[] = [
    (a, b) => a.namespace === b.namespace && a.name === b.name,
    (a, b) => isSameWorkload(a, b) && nodeOf(a) === nodeOf(b) && a.owner?.kind === 'DaemonSet',
    isSameWorkload,
  ];
  for (const fits of rules)
    for (const life of made) {
      if (pairs.has(life)) continue;
      const found = left.values().find((old) => fits(old, life));
      if (found === undefined) continue;
      pairs.set(life, found);
      left.delete(found);
    }
  return pairs;
}

function isSameWorkload(a: PodLife, b: PodLife): boolean {
  return (
    a.owner !== undefined &&
    b.owner !== undefined &&
    workloadText(a.owner) === workloadText(b.owner)
  );
}

function successor(phase: Phase, life: PodLife, before: PodLife | undefined): PlannedPod {
  if (before === undefined) return row(phase, life, 'created');
  const moves = nodeOf(life) !== undefined && nodeOf(life) !== nodeOf(before);
  return { ...row(phase, life, moves ? 'moved' : 'replaced'), before: placeOf(before) };
}

function row(
  phase: Phase,
  life: PodLife,
  action: PlannedPod['action'],
  atMs = life.seenMs,
): PlannedPod {
  const at = secondsIn(phase, atMs);
  return {
    action,
    namespace: life.namespace,
    ...placeOf(life),
    ...workloadOf(life),
    atSeconds: at,
  };
}

export function placeOf(life: PodLife): PodPlace {
  const node = nodeOf(life);
  return { name: life.name, ...(node === undefined ? {} : { node }) };
}

function nodeOf({ pod }: PodLife): string | undefined {
  const { nodeName = '' } = pod.spec ?? {};
  return nodeName === '' ? undefined : nodeName;
}

/** `Deployment web` */
export function workloadOf({ owner }: PodLife): { readonly workload?: string } {
  return owner === undefined ? {} : { workload: `${owner.kind} ${owner.name}` };
}

/** Pods of the phase that are not ready at its end, although nobody deletes them. */
export function unreadyPods(lives: Iterable<PodLife>, phase: Phase): PodLife[] {
  return [...lives].filter(
    (life) =>
      !life.isReady &&
      life.deletedMs === undefined &&
      !isPodTerminal(life.pod) &&
      (isMadeIn(phase, life) || isTurnedIn(phase, life)),
  );
}
