/**
 * The claims of one Pod of a StatefulSet: which to create, and whose owners to put right.
 *
 * Upstream: pkg/controller/statefulset/stateful_pod_control.go, v1.36.
 */
import type { StatefulSet } from '#api/gen/apps-v1.ts';
import type { PersistentVolumeClaim, Pod } from '#api/gen/core-v1.ts';
import {
  deletesWhenScaled,
  hasOtherController,
  isOfEarlierPod,
  ownersOfNewClaim,
  withRightOwners,
} from './claim-owners.ts';
import { claimName, ordinalOf } from './identity.ts';

/** The claim of this name in the set's namespace, as far as it is known. */
export type ClaimOf = (name: string) => PersistentVolumeClaim | undefined;

export interface ClaimPlan {
  readonly creates: readonly PersistentVolumeClaim[];
  /** Claims that are being deleted: the Pod has to wait for new ones. */
  readonly going: readonly string[];
  /** With other owners. */
  readonly updates: readonly PersistentVolumeClaim[];
  /** Claims that somebody else controls, so that the policy is not followed. */
  readonly conflicts: readonly string[];
}

/** What the claims of `pod` need. `creates` and `going` matter only to whom the Pod's storage does. */
export function planClaims(set: StatefulSet, pod: Pod, claimOf: ClaimOf): ClaimPlan {
  const creates: PersistentVolumeClaim[] = [];
  const updates: PersistentVolumeClaim[] = [];
  const going: string[] = [];
  const conflicts: string[] = [];
  for (const template of set.spec?.volumeClaimTemplates ?? []) {
    const name = claimName(set, template.metadata?.name ?? '', ordinalOf(pod));
    const claim = claimOf(name);
    if (claim === undefined) {
      creates.push(claimFrom(set, template, { name, pod }));
      continue;
    }
    if (claim.metadata?.deletionTimestamp !== undefined) going.push(name);
    if (hasOtherController(claim, set, pod)) conflicts.push(name);
    const right = withRightOwners(claim, set, pod);
    if (right !== undefined) updates.push(right);
  }
  return { creates, going, updates, conflicts };
}

function claimFrom(
  set: StatefulSet,
  { metadata, spec }: PersistentVolumeClaim,
  { name, pod }: { readonly name: string; readonly pod: Pod },
): PersistentVolumeClaim {
  const { labels, annotations, finalizers = [] } = metadata ?? {};
  const ownerReferences = ownersOfNewClaim(set, pod);
  const { namespace = '' } = set.metadata ?? {};
  return {
    metadata: {
      name,
      namespace,
      labels: { ...labels, ...set.spec?.selector?.matchLabels },
      ...(annotations === undefined ? {} : { annotations: { ...annotations } }),
      ...(finalizers.length === 0 ? {} : { finalizers: [...finalizers] }),
      ...(ownerReferences.length === 0 ? {} : { ownerReferences }),
    },
    ...(spec === undefined ? {} : { spec: structuredClone(spec) }),
  };
}

/** Whether a new Pod must wait until the claims of the one before it are gone. */
export function hasStaleClaim(set: StatefulSet, pod: Pod, claimOf: ClaimOf): boolean {
  if (!deletesWhenScaled(set)) return false;
  return (set.spec?.volumeClaimTemplates ?? []).some(({ metadata }) => {
    const claim = claimOf(claimName(set, metadata?.name ?? '', ordinalOf(pod)));
    return claim !== undefined && isOfEarlierPod(claim, pod);
  });
}
