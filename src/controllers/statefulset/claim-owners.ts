/**
 * Who owns a claim of a StatefulSet, and so with whom it goes away.
 *
 *   whenDeleted  whenScaled   in range         scaled down
 *   Retain       Retain       nobody           nobody
 *   Delete       Retain       the set          the set
 *   Retain       Delete       nobody           the Pod
 *   Delete       Delete       the set          the Pod
 *
 * A claim that another controller has, or that refers to an earlier set or Pod of the same name, is
 * left alone. Upstream: isClaimOwnerUpToDate in pkg/controller/statefulset/stateful_set_utils.go,
 * v1.36 (KEP-1847).
 */
import { STATEFUL_SET } from '#api/apps/stateful-set.ts';
import { POD } from '#api/core/pod.ts';
import type { StatefulSet } from '#api/gen/apps-v1.ts';
import type { PersistentVolumeClaim, Pod } from '#api/gen/core-v1.ts';
import { apiVersionOf, type KubeObject, type OwnerReference } from '#api/meta/object.ts';
import type { ResourceType } from '#client/client.ts';
import { controllerReference } from '#reconcile/claim.ts';
import { isInRange } from './identity.ts';

type Type = ResourceType<KubeObject>;

interface Policy {
  readonly deletedWithSet: boolean;
  readonly deletedWithPod: boolean;
}

function policyOf({ spec }: StatefulSet): Policy {
  const { whenDeleted, whenScaled } = spec?.persistentVolumeClaimRetentionPolicy ?? {};
  return { deletedWithSet: whenDeleted === 'Delete', deletedWithPod: whenScaled === 'Delete' };
}

/** Whether claims go away when the set is scaled down. */
export function deletesWhenScaled(set: StatefulSet): boolean {
  return policyOf(set).deletedWithPod;
}

function namesOwner(reference: OwnerReference, type: Type, owner: KubeObject): boolean {
  return (
    reference.apiVersion === apiVersionOf(type) &&
    reference.kind === type.kind &&
    reference.name === owner.metadata?.name
  );
}

/** Whether the first reference that names `owner` is of another object that had its name. */
function isStale(claim: PersistentVolumeClaim, type: Type, owner: KubeObject): boolean {
  const named = referencesOf(claim).find((reference) => namesOwner(reference, type, owner));
  return named !== undefined && named.uid !== (owner.metadata?.uid ?? '');
}

/** Whether the claim goes away with an earlier Pod of this name: a new one must not use it. */
export function isOfEarlierPod(claim: PersistentVolumeClaim, pod: Pod): boolean {
  return isStale(claim, POD, pod);
}

function referencesOf(claim: PersistentVolumeClaim): readonly OwnerReference[] {
  return claim.metadata?.ownerReferences ?? [];
}

function refersTo(claim: PersistentVolumeClaim, owner: KubeObject): boolean {
  return referencesOf(claim).some(({ uid }) => uid === (owner.metadata?.uid ?? ''));
}

/** Whether somebody else manages the claim, which matters when it should ever be deleted. */
export function hasOtherController(
  claim: PersistentVolumeClaim,
  set: StatefulSet,
  pod: Pod,
): boolean {
  const { deletedWithPod, deletedWithSet } = policyOf(set);
  if (!deletedWithPod && !deletedWithSet) return false;
  return referencesOf(claim).some((reference) => {
    for (const [type, owner] of [
      [STATEFUL_SET, set],
      [POD, pod],
    ] as const)
      if (namesOwner(reference, type, owner)) return reference.uid !== (owner.metadata?.uid ?? '');
    return reference.controller === true;
  });
}

function hasOwnerThatDoesNotControl(
  claim: PersistentVolumeClaim,
  set: StatefulSet,
  pod: Pod,
): boolean {
  const ours = [set.metadata?.uid ?? '', pod.metadata?.uid ?? ''];
  return referencesOf(claim).some(
    ({ uid, controller }) => ours.includes(uid) && controller !== true,
  );
}

/** Which of the two should own the claim. */
function wantedOwners(
  set: StatefulSet,
  pod: Pod,
): { readonly set: boolean; readonly pod: boolean } {
  const { deletedWithPod, deletedWithSet } = policyOf(set);
  const byPod = deletedWithPod && !isInRange(set, pod);
  return { pod: byPod, set: deletedWithSet && !byPod };
}

/** The references of a claim that is made for a Pod which is in range. */
export function ownersOfNewClaim(set: StatefulSet, pod: Pod): OwnerReference[] {
  return wantedOwners(set, pod).set ? [controllerReference(STATEFUL_SET, set)] : [];
}

/** The claim with the references that it should have; undefined: they are right, or not ours. */
export function withRightOwners(
  claim: PersistentVolumeClaim,
  set: StatefulSet,
  pod: Pod,
): PersistentVolumeClaim | undefined {
  if (isStale(claim, STATEFUL_SET, set) || isStale(claim, POD, pod)) return undefined;
  const others = referencesOf(claim).filter(
    (reference) => !namesOwner(reference, STATEFUL_SET, set) && !namesOwner(reference, POD, pod),
  );
  const has = { set: refersTo(claim, set), pod: refersTo(claim, pod) };
  if (hasOtherController(claim, set, pod))
    return has.set || has.pod ? withReferences(claim, others) : undefined;
  const wanted = wantedOwners(set, pod);
  const right = has.set === wanted.set && has.pod === wanted.pod;
  if (right && !hasOwnerThatDoesNotControl(claim, set, pod)) return undefined;
  const ours = [
    ...(wanted.set ? [controllerReference(STATEFUL_SET, set)] : []),
    ...(wanted.pod ? [controllerReference(POD, pod)] : []),
  ];
  return withReferences(claim, [...others, ...ours]);
}

function withReferences(
  claim: PersistentVolumeClaim,
  ownerReferences: OwnerReference[],
): PersistentVolumeClaim {
  return { ...claim, metadata: { ...claim.metadata, ownerReferences } };
}
