/**
 * What one pass of a DaemonSet does, decided without doing it: first that each node has the Pods it
 * should have, and, when there is nothing to do about that, the next steps of a rolling update.
 *
 * Upstream: podsShouldBeOnNode in pkg/controller/daemon/daemon_controller.go, v1.36; KEP-1591 for
 * the surge.
 */
import { isPodAvailable, isPodReady } from '#api/core/pod-helpers.ts';
import type { DaemonSet } from '#api/gen/apps-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { POD_REVISION } from '../shared/history.ts';
import { allowsSurge } from './limits.ts';
import { oldestFirst, type Verdict } from './nodes.ts';
import { planRollingUpdate } from './rolling-update.ts';

/** Creations, and deletions, in one pass. */
const WRITES_PER_PASS_MAX = 250;

export interface World {
  readonly set: DaemonSet;
  /** All nodes, by name, in the order of names. */
  readonly nodes: ReadonlyMap<string, Verdict>;
  /** Pods by node; those that are spent are left out. */
  readonly pods: ReadonlyMap<string, readonly Pod[]>;
  /** Of the revision that the template is. */
  readonly hash: string;
  /** How long the failed Pod of a node is left alone, in milliseconds; 0: no longer. */
  readonly backoffMs: (node: string) => number;
  readonly nowMs: number;
}

/** A Pod that has ended and is deleted for it. */
export interface Ended {
  readonly pod: Pod;
  readonly node: string;
  readonly failed: boolean;
}

export interface Plan {
  /** Names of nodes that get a Pod. */
  readonly creates: readonly string[];
  readonly deletes: readonly Pod[];
  /** Of the deletions, those that are told about. */
  readonly ended: readonly Ended[];
  /** When a failed Pod may be looked at again, in milliseconds. */
  readonly waitMs: number | undefined;
}

export function planDaemonSet(world: World): Plan {
  const placement = planPlacement(world);
  const rolls = world.set.spec?.updateStrategy?.type === 'RollingUpdate';
  const rests = placement.creates.length === 0 && placement.deletes.length === 0;
  const { waitMs } = placement;
  const plan = rests && rolls ? { ...planRollingUpdate(world), ended: [], waitMs } : placement;
  const deletes = plan.deletes.slice(0, WRITES_PER_PASS_MAX);
  return {
    ...plan,
    creates: plan.creates.slice(0, WRITES_PER_PASS_MAX),
    deletes,
    ended: plan.ended.filter(({ pod }) => deletes.includes(pod)),
  };
}

function planPlacement(world: World): Plan {
  const { nodes, pods } = world;
  const found = new Placement(world);
  for (const [node, verdict] of nodes) found.node(node, verdict);
  // Pods that were never scheduled, for nodes that are no more: the Pod collector leaves them.
  for (const [node, there] of pods)
    if (!nodes.has(node)) found.deletes.push(...there.filter(({ spec }) => !spec?.nodeName));
  const { creates, deletes, ended, waitMs } = found;
  return { creates, deletes, ended, waitMs };
}

class Placement {
  readonly creates: string[] = [];
  readonly deletes: Pod[] = [];
  readonly ended: Ended[] = [];
  waitMs: number | undefined;
  readonly #world: World;
  readonly #surges: boolean;

  constructor(world: World) {
    this.#world = world;
    this.#surges = allowsSurge(world.set);
  }

  node(node: string, { shouldRun, mayStay }: Verdict): void {
    const there = this.#world.pods.get(node);
    if (there === undefined) {
      if (shouldRun) this.creates.push(node);
      return;
    }
    const kept = there.filter(({ metadata }) => metadata?.deletionTimestamp === undefined);
    if (!mayStay) {
      this.deletes.push(...kept);
      return;
    }
    const running = kept.filter((pod) => !this.#hasEnded(node, pod));
    if (running.length > 1) this.#prune(oldestFirst(running));
    // Without surge a new Pod waits until the old one is gone, and the node then has none.
    else if (running.length === 0 && this.#surges && shouldRun) this.creates.push(node);
  }

  /** A Pod that has ended is deleted; one that failed, ever more slowly. */
  #hasEnded(node: string, pod: Pod): boolean {
    const { phase } = pod.status ?? {};
    if (phase !== 'Failed' && phase !== 'Succeeded') return false;
    const failed = phase === 'Failed';
    const backoffMs = failed ? this.#world.backoffMs(node) : 0;
    if (backoffMs > 0) {
      this.waitMs = Math.min(this.waitMs ?? backoffMs, backoffMs);
      return true;
    }
    this.deletes.push(pod);
    this.ended.push({ pod, node, failed });
    return true;
  }

  /** One Pod stays; with surge also an old one that is ready, until the new one is available. */
  #prune(running: readonly Pod[]): void {
    if (!this.#surges) {
      this.deletes.push(...running.slice(1));
      return;
    }
    const { set, hash, nowMs } = this.#world;
    const isNew = ({ metadata }: Pod): boolean => metadata?.labels?.[POD_REVISION] === hash;
    const oldestNew = running.find(isNew);
    const oldestOld = running.find((pod) => !isNew(pod));
    this.deletes.push(...running.filter((pod) => pod !== oldestNew && pod !== oldestOld));
    if (oldestNew === undefined || oldestOld === undefined) return;
    const replaced = isPodAvailable(oldestNew, set.spec?.minReadySeconds ?? 0, nowMs);
    if (!isPodReady(oldestOld) || replaced) this.deletes.push(oldestOld);
  }
}
