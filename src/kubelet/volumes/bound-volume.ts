/**
 * The persistent volume behind a claim of a pod.
 *
 * Source: API reference v1.36, PersistentVolumeClaim. Upstream:
 * pkg/kubelet/volumemanager/populator/desired_state_of_world_populator.go (createVolumeSpec).
 */
import { PERSISTENT_VOLUME } from '#api/core/persistent-volume.ts';
import { PERSISTENT_VOLUME_CLAIM } from '#api/core/persistent-volume-claim.ts';
import { foreignClaim } from '#api/core/pod-claims.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod, Volume } from '#api/gen/core-v1.ts';
import { messageOf } from '#base/error.ts';
import type { Client } from '#client/client.ts';

/** The claim is not there or not bound, or its volume is not to be used as the pod would. */
export class ClaimError extends Error {}

export interface BoundVolume {
  readonly volume: PersistentVolume;
  /** The pod may not write to it. */
  readonly readOnly: boolean;
}

/** `volume` is one with a claim. Rejects with ClaimError, whose message is upstream's. */
export async function boundVolume(
  client: Pick<Client, 'get'>,
  pod: Pod,
  volume: Volume,
): Promise<BoundVolume> {
  const { namespace = '', name: podName = '' } = pod.metadata ?? {};
  const { claimName, readOnly = false } = volume.persistentVolumeClaim ?? {};
  const name = claimName ?? `${podName}-${volume.name}`;
  try {
    const claim = await read('PVC', () => client.get(PERSISTENT_VOLUME_CLAIM, name, namespace));
    checkClaim(pod, claim, claimName === undefined);
    const bound = await read('PV', () =>
      client.get(PERSISTENT_VOLUME, claim.spec?.volumeName ?? ''),
    );
    checkVolume(bound, claim);
    checkMode(pod, volume, bound);
    return { volume: bound, readOnly };
  } catch (error) {
    const text = `error processing PVC ${namespace}/${name}: ${messageOf(error)}`;
    throw new ClaimError(text, { cause: error });
  }
}

async function read<T>(what: string, get: () => Promise<T>): Promise<T> {
  try {
    return await get();
  } catch (error) {
    const text = `failed to fetch ${what} from API server: ${messageOf(error)}`;
    throw new Error(text, { cause: error });
  }
}

function checkClaim(pod: Pod, claim: PersistentVolumeClaim, isEphemeral: boolean): void {
  const foreign = isEphemeral ? foreignClaim(pod, claim) : undefined;
  if (foreign !== undefined) throw new Error(foreign);
  if (claim.metadata?.deletionTimestamp !== undefined) throw new Error('PVC is being deleted');
  if (claim.status?.phase !== 'Bound') throw new Error('PVC is not bound');
  if ((claim.spec?.volumeName ?? '') === '') throw new Error('PVC has empty pvc.Spec.VolumeName');
}

function checkVolume({ metadata, spec }: PersistentVolume, claim: PersistentVolumeClaim): void {
  const found = `found PV object ${metadata?.name ?? ''} but`;
  const uid = claim.metadata?.uid;
  const { claimRef } = spec ?? {};
  if (claimRef === undefined)
    throw new Error(
      `${found} it has a nil pv.Spec.ClaimRef indicating it is not yet bound to the claim`,
    );
  if (claimRef.uid !== uid)
    throw new Error(
      `${found} its pv.Spec.ClaimRef.UID ${claimRef.uid ?? ''} does not point to claim.UID ${uid ?? ''}`,
    );
}

/** A device is not to be mounted, and a file system not to be given as a device. */
function checkMode(pod: Pod, { name }: Volume, { spec }: PersistentVolume): void {
  const { initContainers = [], containers = [] } = pod.spec ?? {};
  const all = [...initContainers, ...containers];
  const isMounted = all.some(({ volumeMounts = [] }) =>
    volumeMounts.some((one) => one.name === name),
  );
  const isDevice = all.some(({ volumeDevices = [] }) =>
    volumeDevices.some((one) => one.name === name),
  );
  const isBlock = spec?.volumeMode === 'Block';
  if (isBlock && isMounted)
    throw new Error(`volume ${name} has volumeMode Block, but is specified in volumeMounts`);
  if (!isBlock && isDevice)
    throw new Error(`volume ${name} has volumeMode Filesystem, but is specified in volumeDevices`);
}
