/**
 * The next steps of a rolling update, within its limits.
 *
 * Without surge old Pods are deleted, and the nodes are then without one for a while: those first
 * that serve nobody anyway. With surge a new Pod is made beside the old one, which goes when the new
 * one is available. A Pod on a node that it may no longer start on is not replaced there; it goes
 * when enough others are available.
 *
 * Upstream: rollingUpdate in pkg/controller/daemon/update.go, v1.36 (KEP-1591).
 */
import { isPodAvailable } from '#api/core/pod-helpers.ts';
import type { DaemonSet } from '#api/gen/apps-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { limitsOf } from './limits.ts';
import type { Verdict } from './nodes.ts';
import { isUpdated } from './template.ts';

interface World {
  readonly set: DaemonSet;
  readonly nodes: ReadonlyMap<string, Verdict>;
  readonly pods: ReadonlyMap<string, readonly Pod[]>;
  readonly hash: string;
  readonly nowMs: number;
}

interface Steps {
  readonly creates: readonly string[];
  readonly deletes: readonly Pod[];
}

/** The Pods of a node that are not going: at most one of each kind, or `isCrowded`. */
interface Pair {
  readonly node: string;
  readonly oldPod: Pod | undefined;
  readonly newPod: Pod | undefined;
  readonly isCrowded: boolean;
}

export function planRollingUpdate(world: World): Steps {
  const desired = [...world.nodes].filter(([, { shouldRun }]) => shouldRun).map(([node]) => node);
  const names = new Set([...world.pods.keys(), ...desired]);
  const pairs = [...names].sort((a, b) => (a < b ? -1 : 1)).map((node) => pairOf(world, node));
  const { surge, unavailable } = limitsOf(world.set, desired.length);
  return surge === 0
    ? { creates: [], deletes: planWithoutSurge(world, pairs, unavailable) }
    : planWithSurge(world, pairs, { surge, desired: desired.length });
}

function pairOf({ set, pods, hash }: World, node: string): Pair {
  const kept = (pods.get(node) ?? []).filter(
    ({ metadata }) => metadata?.deletionTimestamp === undefined,
  );
  const { fresh = [], old = [] } = Object.groupBy(kept, (pod) =>
    isUpdated(set, pod, hash) ? 'fresh' : 'old',
  );
  return {
    node,
    oldPod: old[0],
    newPod: fresh[0],
    isCrowded: old.length > 1 || fresh.length > 1,
  };
}

function isAvailable({ set, nowMs }: World, pod: Pod): boolean {
  return isPodAvailable(pod, set.spec?.minReadySeconds ?? 0, nowMs);
}

function planWithoutSurge(world: World, pairs: readonly Pair[], limit: number): Pod[] {
  let unavailable = 0;
  const broken: Pod[] = [];
  const candidates: Pod[] = [];
  for (const { oldPod, newPod, isCrowded } of pairs) {
    const isAlone = (oldPod === undefined) !== (newPod === undefined);
    // A node with no Pod, or too many, is being put right.
    if (isCrowded || !isAlone) unavailable++;
    else if (newPod !== undefined) unavailable += isAvailable(world, newPod) ? 0 : 1;
    else if (oldPod !== undefined && isAvailable(world, oldPod)) candidates.push(oldPod);
    else if (oldPod !== undefined) {
      // It serves nobody: nothing is lost by replacing it, whatever the limit.
      broken.push(oldPod);
      unavailable++;
    }
  }
  return [...broken, ...candidates.slice(0, Math.max(0, limit - unavailable))];
}

function planWithSurge(
  world: World,
  pairs: readonly Pair[],
  { surge, desired }: { readonly surge: number; readonly desired: number },
): Steps {
  let surging = 0;
  let available = 0;
  const deletes: Pod[] = [];
  const misplaced: Pod[] = [];
  const broken: string[] = [];
  const candidates: string[] = [];
  for (const { node, oldPod, newPod, isCrowded } of pairs) {
    if (isCrowded) {
      surging++;
      continue;
    }
    const serving = oldPod ?? newPod;
    const serves = serving !== undefined && isAvailable(world, serving);
    if (serves) available++;
    if (oldPod === undefined) continue;
    if (newPod !== undefined) {
      if (isAvailable(world, newPod)) deletes.push(oldPod);
      else surging++;
      continue;
    }
    if (world.nodes.get(node)?.shouldRun === true) (serves ? candidates : broken).push(node);
    else (serves ? misplaced : deletes).push(oldPod);
  }
  const spare = Math.max(0, available - desired);
  return {
    creates: [...broken, ...candidates.slice(0, Math.max(0, surge - surging))],
    deletes: [...deletes, ...misplaced.slice(0, spare)],
  };
}
