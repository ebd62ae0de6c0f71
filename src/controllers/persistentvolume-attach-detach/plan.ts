/**
 * What is begun with a volume in one pass, decided without doing it: first where it is to go, then
 * where it is to come.
 *
 *   attached, not wanted    detach ─ but not while the node uses it, unless the node is given up:
 *                                    out of service by taint, or not ready for six minutes
 *   wanted, not attached    attach ─ but not while another node has it that one alone may have
 *
 * Upstream: reconcile in pkg/controller/volume/attachdetach/reconciler/reconciler.go, v1.36.
 */
import type { ForceReason } from './metrics.ts';

/** How long a node that is not ready may hold on to what it uses. */
export const UNMOUNT_MS_MAX = 360_000;

export interface AttachedTo {
  readonly node: string;
  readonly isWanted: boolean;
  readonly isConfirmed: boolean;
  /** Nothing is going on with it, and no failure is too fresh. */
  readonly mayDetach: boolean;
  readonly isInUse: boolean;
  readonly unwantedForMs: number;
  readonly isNodeReady: boolean;
  readonly isOutOfService: boolean;
}

export interface VolumeWorld {
  /** Whether several nodes may have it. */
  readonly isShared: boolean;
  readonly attached: readonly AttachedTo[];
  readonly wanted: readonly { readonly node: string; readonly mayAttach: boolean }[];
  /** Flag --disable-force-detach-on-timeout. */
  readonly neverForces: boolean;
}

export type Step =
  /** The node is asked once more whether it uses the volume, unless it is taken by force. */
  | { readonly do: 'detach'; readonly node: string; readonly force: ForceReason | 'none' }
  | { readonly do: 'attach'; readonly node: string }
  /** Other nodes have what one alone may have. */
  | { readonly do: 'refuse'; readonly node: string; readonly others: readonly string[] };

export interface Plan {
  readonly steps: readonly Step[];
  /** Until a node that is not ready is given up; undefined: nothing is waited for. */
  readonly waitMs?: number;
}

export function planVolume(world: VolumeWorld): Plan {
  const steps: Step[] = [];
  let waitMs = Number.POSITIVE_INFINITY;
  for (const each of world.attached) {
    if (each.isWanted || !each.mayDetach || isBusy(world, steps)) continue;
    const force = detachment(each, world.neverForces);
    if (force !== undefined) steps.push({ do: 'detach', node: each.node, force });
    else if (each.unwantedForMs <= UNMOUNT_MS_MAX)
      waitMs = Math.min(waitMs, UNMOUNT_MS_MAX - each.unwantedForMs + 1);
  }
  const others = world.attached.filter(({ isConfirmed }) => isConfirmed).map(({ node }) => node);
  for (const { node, mayAttach } of world.wanted) {
    if (!mayAttach || isBusy(world, steps) || others.includes(node)) continue;
    if (!world.isShared && others.length > 0) steps.push({ do: 'refuse', node, others });
    else steps.push({ do: 'attach', node });
  }
  return { steps, ...(Number.isFinite(waitMs) ? { waitMs } : {}) };
}

/** What one node alone may have has one operation at a time. */
function isBusy({ isShared }: VolumeWorld, steps: readonly Step[]): boolean {
  return !isShared && steps.some((step) => step.do !== 'refuse');
}

/** Why the node is not asked first, if it is not; undefined: it must wait. */
function detachment(each: AttachedTo, neverForces: boolean): ForceReason | 'none' | undefined {
  const isOverdue = each.unwantedForMs > UNMOUNT_MS_MAX && !neverForces;
  const isGivenUp = each.isOutOfService || (isOverdue && !each.isNodeReady);
  if (each.isInUse && !isGivenUp) return undefined;
  if (isOverdue) return 'timeout';
  return each.isOutOfService ? 'out-of-service' : 'none';
}
