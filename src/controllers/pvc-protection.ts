/**
 * PVC protection: a PersistentVolumeClaim that is being deleted stays until no Pod uses it.
 *
 * The finalizer is set by the admission plug-in StorageObjectInUseProtection; here it is taken away,
 * and given to claims that were made without it.
 *
 * Upstream: pkg/controller/volume/pvcprotection/pvc_protection_controller.go, v1.36.
 */
import { PERSISTENT_VOLUME_CLAIM } from '#api/core/persistent-volume-claim.ts';
import { POD } from '#api/core/pod.ts';
import type { PersistentVolumeClaim, Pod, Volume } from '#api/gen/core-v1.ts';
import { isNotFound } from '#api/meta/status.ts';
import type { Change } from '#client/informer.ts';
import { type Context, type Controller, defineController, watch } from '#reconcile/controller.ts';
import { withFinalizer, withoutFinalizer } from './shared/finalizers.ts';

const FINALIZER = 'kubernetes.io/pvc-protection';

export const pvcProtectionController: Controller = defineController<PersistentVolumeClaim>({
  name: 'pvc-protection-controller',
  queue: 'pvcprotection',
  for: PERSISTENT_VOLUME_CLAIM,
  watches: [watch<Pod, PersistentVolumeClaim>({ type: POD, keys: claimsOfPod })],
  reconcile,
});

/** The claim that a volume of a Pod is; undefined: none. */
function claimName(pod: Pod, volume: Volume): string | undefined {
  if (volume.persistentVolumeClaim !== undefined) return volume.persistentVolumeClaim.claimName;
  return volume.ephemeral === undefined ? undefined : `${pod.metadata?.name}-${volume.name}`;
}

/** A Pod may be another one under the name of one that is gone, with other claims. */
export function claimsOfPod({ object, previous }: Change<Pod>): string[] {
  const isOther = previous !== undefined && previous.metadata?.uid !== object.metadata?.uid;
  return [...claimKeys(object), ...(isOther ? claimKeys(previous) : [])];
}

function claimKeys(pod: Pod): string[] {
  return (pod.spec?.volumes ?? []).flatMap((volume) => {
    const name = claimName(pod, volume);
    return name === undefined ? [] : [`${pod.metadata?.namespace}/${name}`];
  });
}

/** A Pod without a node is no hindrance: it cannot start any more with a claim that goes away. */
function usesClaim(pod: Pod, claim: PersistentVolumeClaim): boolean {
  const { metadata = {}, spec } = pod;
  if ((spec?.nodeName ?? '') === '' || metadata.namespace !== claim.metadata?.namespace)
    return false;
  // The kubelet is done with it.
  const isShutDown =
    metadata.deletionTimestamp !== undefined && metadata.deletionGracePeriodSeconds === 0;
  const isOwner = (claim.metadata?.ownerReferences ?? []).some(
    ({ uid, controller }) => controller === true && uid === metadata.uid,
  );
  // A Pod that waits for claims of its own to go (a StatefulSet's that was scaled down, deleted in
  // the foreground) would wait for ever; upstream sees that of ephemeral volumes only.
  if (isShutDown && isOwner) return false;
  return (spec?.volumes ?? []).some(
    (volume) =>
      claimName(pod, volume) === claim.metadata?.name &&
      (volume.persistentVolumeClaim !== undefined || isOwner),
  );
}

async function reconcile(
  claim: PersistentVolumeClaim,
  context: Context<PersistentVolumeClaim>,
): Promise<void> {
  const { client } = context;
  const isDeleted = claim.metadata?.deletionTimestamp !== undefined;
  const next = isDeleted ? withoutFinalizer(claim, FINALIZER) : withFinalizer(claim, FINALIZER);
  if (next === undefined || (isDeleted && (await isUsed(claim, context)))) return;
  try {
    await client.update(PERSISTENT_VOLUME_CLAIM, next);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** What the cache does not know yet, the server does: a claim in use must not go. */
async function isUsed(
  claim: PersistentVolumeClaim,
  context: Context<PersistentVolumeClaim>,
): Promise<boolean> {
  const uses = (pod: Pod): boolean => usesClaim(pod, claim);
  if (context.informer(POD).list().some(uses)) return true;
  const { items } = await context.client.list(POD, { namespace: claim.metadata?.namespace ?? '' });
  return items.some(uses);
}
