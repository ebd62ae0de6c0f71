/**
 * What one pass of a volume does, decided without doing it.
 *
 *   no claim, or a claim that has not answered yet     Available
 *   its claim has no volume yet                        the claim is looked at
 *   its claim has it                                   Bound
 *   its claim has another                              let go, or deleted if it was made for it
 *   its claim is gone                                  Released, then what its policy says
 *
 * Upstream: syncVolume, reclaimVolume in
 * pkg/controller/volume/persistentvolume/pv_controller.go, v1.36.
 */
import { hasSameMode, PROVISIONED_BY } from '#api/core/volume-binding.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/gen/core-v1.ts';
import type { Told } from './plan-claim.ts';
import { deletionProblem, MIGRATED_TO } from './plugins.ts';

export type VolumePlan =
  | { readonly do: 'phase'; readonly phase: 'Available' | 'Bound' }
  /** The claim's own pass completes the binding. */
  | { readonly do: 'wake-claim' }
  /** The two can never be bound to each other; both are told. */
  | { readonly do: 'mismatch'; readonly ofVolume: Told; readonly ofClaim: Told }
  /** Becomes Released if it is not, and is reclaimed. */
  | { readonly do: 'release'; readonly reclaim: Reclaim }
  | { readonly do: 'unbind' };

export type Reclaim =
  /** Kept as it is, or deleted by its driver. */
  | { readonly do: 'leave' }
  | { readonly do: 'recycle' }
  | { readonly do: 'fail'; readonly reason: string; readonly message: string };

/** `claim`: the one that the volume's reference means, by name and uid; undefined: it is gone. */
export function planVolume(
  volume: PersistentVolume,
  claim: PersistentVolumeClaim | undefined,
): VolumePlan {
  const reference = volume.spec?.claimRef;
  if ((reference?.uid ?? '') === '') return { do: 'phase', phase: 'Available' };
  if (claim === undefined) return { do: 'release', reclaim: planReclaim(volume) };
  const volumeName = claim.spec?.volumeName ?? '';
  if (volumeName === '')
    return hasSameMode(volume, claim) ? { do: 'wake-claim' } : mismatch(volume, claim);
  if (volumeName === volume.metadata?.name) return { do: 'phase', phase: 'Bound' };
  const isMade = volume.metadata?.annotations?.[PROVISIONED_BY] !== undefined;
  if (isMade && volume.spec?.persistentVolumeReclaimPolicy === 'Delete')
    return { do: 'release', reclaim: planReclaim(volume) };
  return { do: 'unbind' };
}

function mismatch({ metadata }: PersistentVolume, claim: PersistentVolumeClaim): VolumePlan {
  const told = (message: string): Told => ({ type: 'Warning', reason: 'VolumeMismatch', message });
  const claimName = claim.metadata?.name ?? '';
  const why = 'due to incompatible volumeMode.';
  return {
    do: 'mismatch',
    ofVolume: told(
      `Cannot bind PersistentVolume to requested PersistentVolumeClaim "${claimName}" ${why}`,
    ),
    ofClaim: told(
      `Cannot bind PersistentVolume "${metadata?.name ?? ''}" to requested PersistentVolumeClaim ${why}`,
    ),
  };
}

export function planReclaim(volume: PersistentVolume): Reclaim {
  if ((volume.metadata?.annotations?.[MIGRATED_TO] ?? '') !== '') return { do: 'leave' };
  switch (volume.spec?.persistentVolumeReclaimPolicy) {
    case 'Retain':
      return { do: 'leave' };
    case 'Recycle':
      return { do: 'recycle' };
    case 'Delete': {
      const message = deletionProblem(volume);
      return message === undefined
        ? { do: 'leave' }
        : { do: 'fail', reason: 'VolumeFailedDelete', message };
    }
    default:
      return {
        do: 'fail',
        reason: 'VolumeUnknownReclaimPolicy',
        message: 'Volume has unrecognized PersistentVolumeReclaimPolicy',
      };
  }
}
