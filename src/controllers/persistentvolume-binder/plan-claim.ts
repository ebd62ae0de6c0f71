/**
 * What one pass of a claim does, decided without doing it.
 *
 *   never bound, any volume     bind ─ or default class ─ or wait for a Pod ─ or have one made
 *   never bound, that volume    bind ─ or wait: it is not there, does not suit, is another's
 *   bound before                bind (repairs what is missing) ─ or lost
 *
 * Upstream: syncUnboundClaim, syncBoundClaim in
 * pkg/controller/volume/persistentvolume/pv_controller.go, v1.36.
 */
import { quantityValue } from '#api/codec/quantity.ts';
import {
  BIND_COMPLETED,
  BOUND_BY_CONTROLLER,
  hasAccessModes,
  hasSameAttributesClass,
  hasSameMode,
  isBoundTo,
  SELECTED_NODE,
} from '#api/core/volume-binding.ts';
import { hasStorageClass, storageClassOf } from '#api/core/volume-claims.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/gen/core-v1.ts';
import type { StorageClass } from '#api/gen/storage-v1.ts';
import { bestMatch } from './match.ts';
import { provisionerOf } from './plugins.ts';

export interface Told {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

export type ClaimPlan =
  | { readonly do: 'bind'; readonly volume: PersistentVolume }
  /** Writes the class that is the default by now. */
  | { readonly do: 'default-class'; readonly className: string }
  /** Goes on waiting, in phase Pending. */
  | { readonly do: 'wait'; readonly tell?: Told }
  /** Asks for a volume by naming who is to make it; with a problem, says why nobody will. */
  | { readonly do: 'provision'; readonly provisioner?: string; readonly problem?: string }
  | { readonly do: 'lose'; readonly tell: Told }
  /** Somebody has undone half of a binding; nothing can be done but say so. */
  | { readonly do: 'fail'; readonly tell: Told; readonly error: string }
  | { readonly do: 'nothing' };

export interface ClaimWorld {
  readonly claim: PersistentVolumeClaim;
  /** The volume that the claim names. */
  readonly volume: PersistentVolume | undefined;
  /** Volumes of the claim's class, and those that are kept for it. */
  readonly candidates: readonly PersistentVolume[];
  /** The claim's class, and the one that claims without a class get. */
  readonly storageClass: StorageClass | undefined;
  readonly defaultClass: StorageClass | undefined;
  /** The Pods that wait for a node and use the claim. */
  readonly waitingPods: readonly string[];
  /** Whether volumes are made on demand at all. */
  readonly provisions: boolean;
}

export function planClaim(world: ClaimWorld): ClaimPlan {
  const { claim } = world;
  if (claim.metadata?.annotations?.[BIND_COMPLETED] !== undefined) return planBound(world);
  return (claim.spec?.volumeName ?? '') === '' ? planAny(world) : planNamed(world);
}

function planAny(world: ClaimWorld): ClaimPlan {
  const { claim, candidates, storageClass, defaultClass } = world;
  const waits = storageClass?.volumeBindingMode === 'WaitForFirstConsumer';
  const volume = bestMatch(claim, candidates, waits);
  if (volume !== undefined) return { do: 'bind', volume };
  if (!hasStorageClass(claim) && defaultClass !== undefined)
    return { do: 'default-class', className: defaultClass.metadata?.name ?? '' };
  if (waits && claim.metadata?.annotations?.[SELECTED_NODE] === undefined)
    return { do: 'wait', tell: waitingFor(world.waitingPods) };
  if (storageClassOf(claim) !== '') return planProvision(world);
  const message = 'no persistent volumes available for this claim and no storage class is set';
  return { do: 'wait', tell: { type: 'Normal', reason: 'FailedBinding', message } };
}

function waitingFor(pods: readonly string[]): Told {
  if (pods.length === 0) {
    const message = 'waiting for first consumer to be created before binding';
    return { type: 'Normal', reason: 'WaitForFirstConsumer', message };
  }
  const noun = pods.length > 1 ? 'pods' : 'pod';
  const message = `waiting for ${noun} ${pods.join(',')} to be scheduled`;
  return { type: 'Normal', reason: 'WaitForPodScheduled', message };
}

function planProvision({ claim, storageClass, provisions }: ClaimWorld): ClaimPlan {
  if (!provisions) return { do: 'nothing' };
  if (storageClass === undefined) {
    const problem = `storageclass.storage.k8s.io "${storageClassOf(claim)}" not found`;
    return { do: 'provision', problem };
  }
  const { name, problem } = provisionerOf(storageClass, claim);
  return {
    do: 'provision',
    ...(name === undefined ? {} : { provisioner: name }),
    ...(problem === undefined ? {} : { problem }),
  };
}

function planNamed({ claim, volume }: ClaimWorld): ClaimPlan {
  if (volume === undefined) return { do: 'wait' };
  const name = volume.metadata?.name ?? '';
  const reference = volume.spec?.claimRef;
  if (reference === undefined) {
    const problem = mismatch(volume, claim);
    if (problem === undefined) return { do: 'bind', volume };
    const message = `Cannot bind to requested volume "${name}": ${problem}`;
    return { do: 'wait', tell: { type: 'Warning', reason: 'VolumeMismatch', message } };
  }
  if (isBoundTo(volume, claim)) return { do: 'bind', volume };
  const message = `volume "${name}" already bound to a different claim.`;
  const tell: Told = { type: 'Warning', reason: 'FailedBinding', message };
  if (claim.metadata?.annotations?.[BOUND_BY_CONTROLLER] === undefined) return { do: 'wait', tell };
  const other = `${reference.namespace ?? ''}/${reference.name ?? ''}`;
  const own = `${claim.metadata.namespace ?? ''}/${claim.metadata.name ?? ''}`;
  const error = `invalid binding of claim "${own}" to volume "${name}": volume already claimed by "${other}"`;
  return { do: 'fail', tell, error };
}

/** Why the volume that the claim names will not do. */
function mismatch(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  const bytes = (text: string | undefined): number => quantityValue(text ?? '0');
  const wanted = bytes(claim.spec?.resources?.requests?.['storage']);
  if (volume.metadata?.deletionTimestamp !== undefined)
    return `the volume is marked for deletion "${volume.metadata.name ?? ''}"`;
  if (bytes(volume.spec?.capacity?.['storage']) < wanted) return 'requested PV is too small';
  if (storageClassOf(volume) !== storageClassOf(claim)) return 'storageClassName does not match';
  if (!hasSameAttributesClass(volume, claim)) return 'volumeAttributesClassName does not match';
  if (!hasSameMode(volume, claim)) return 'incompatible volumeMode';
  return hasAccessModes(volume, claim) ? undefined : 'incompatible accessMode';
}

function planBound({ claim, volume }: ClaimWorld): ClaimPlan {
  if ((claim.spec?.volumeName ?? '') === '')
    return lost(
      'ClaimLost',
      'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!',
    );
  if (volume === undefined)
    return lost(
      'ClaimLost',
      'Bound claim has lost its PersistentVolume. Data on the volume is lost!',
    );
  const reference = volume.spec?.claimRef;
  // Without a reference the volume has come unbound, or the cache does not show it yet.
  if (reference === undefined || reference.uid === claim.metadata?.uid)
    return { do: 'bind', volume };
  const message = 'Two claims are bound to the same volume, this one is bound incorrectly';
  return lost('ClaimMisbound', message);
}

function lost(reason: string, message: string): ClaimPlan {
  return { do: 'lose', tell: { type: 'Warning', reason, message } };
}
