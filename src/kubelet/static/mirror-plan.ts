/**
 * What has to be done so that the API shows the static pods of a node. Pure.
 *
 * Upstream: pkg/kubelet/kubelet.go (tryReconcileMirrorPods), kubelet_pods.go (HandlePodCleanups:
 * orphaned mirror pods), v1.36.
 */
import type { Pod } from '#api/gen/core-v1.ts';
import { keyOf } from '#client/informer.ts';
import { isMirrorOf } from './static-pod.ts';

/** A static pod that has a worker. */
export interface RunningStatic {
  readonly pod: Pod;
  /** Its file is gone or changed: it ends. */
  readonly isLeaving: boolean;
}

export interface MirrorPlan {
  readonly deletes: readonly Pod[];
  /** Static pods that need a mirror. */
  readonly creates: readonly Pod[];
}

/** `mirrors`: the mirror pods of this node that the API has. */
export function planMirrors(
  statics: readonly RunningStatic[],
  mirrors: readonly Pod[],
): MirrorPlan {
  const byName = new Map(statics.map((one) => [keyOf(one.pod), one]));
  const deletes = mirrors.filter((mirror) => {
    const shown = byName.get(keyOf(mirror));
    if (shown === undefined) return true;
    const isDeleted = mirror.metadata?.deletionTimestamp !== undefined;
    return isDeleted || !isMirrorOf(mirror, shown.pod);
  });
  const shown = new Set(mirrors.map(keyOf));
  const creates = statics.filter(({ pod, isLeaving }) => !isLeaving && !shown.has(keyOf(pod)));
  return { deletes, creates: creates.map(({ pod }) => pod) };
}
