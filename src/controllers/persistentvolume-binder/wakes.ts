/**
 * Which claims and volumes a change wakes.
 *
 * Upstream: the event handlers of pkg/controller/volume/persistentvolume/pv_controller_base.go,
 * v1.36; what is found there at the next look at everything is woken here at once.
 */
import { BIND_COMPLETED, hasAccessModes, isFreeFor, suits } from '#api/core/volume-binding.ts';
import { hasStorageClass, storageClassOf } from '#api/core/volume-claims.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '#api/gen/core-v1.ts';
import type { StorageClass } from '#api/gen/storage-v1.ts';
import { isDefaultStorageClass } from '#api/storage/storage-class.ts';
import { type Change, type Informer, keyFor, keyOf } from '#client/informer.ts';
import { recycledVolume } from './recycle.ts';

export const CLAIM_KEY = 'claim:';
export const VOLUME_KEY = 'volume:';

const BY_CLASS = 'storage-class';
const BY_CLAIM = 'claim-reference';
const BY_VOLUME = 'volume-name';
/** No class, which is not the same as the class of no name. */
const CLASSLESS = 'none:';
/** Claims that one volume wakes; the others find it when they are looked at again. */
const WAKES_MAX = 100;

export class Wakes {
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #volumes: Informer<PersistentVolume>;

  constructor(claims: Informer<PersistentVolumeClaim>, volumes: Informer<PersistentVolume>) {
    this.#claims = claims;
    this.#volumes = volumes;
    claims.index(BY_VOLUME, ({ spec }) => [spec?.volumeName ?? '']);
    // Of those that wait alone.
    claims.index(BY_CLASS, (claim) => {
      if (!isWaiting(claim)) return [];
      return [storageClassOf(claim), ...(hasStorageClass(claim) ? [] : [CLASSLESS])];
    });
    volumes.index(BY_CLASS, (volume) => [storageClassOf(volume)]);
    volumes.index(BY_CLAIM, claimKeyOf);
  }

  /** The volumes that a claim may be bound to: of its class, or kept for it. */
  candidatesOf(claim: PersistentVolumeClaim): PersistentVolume[] {
    const ofClass = this.#volumes.byIndex(BY_CLASS, storageClassOf(claim));
    const kept = this.#volumes.byIndex(BY_CLAIM, keyOf(claim));
    return [...new Set([...kept, ...ofClass])];
  }

  ofClaim({ type, key, object }: Change<PersistentVolumeClaim>): string[] {
    const kept = this.#volumes.byIndex(BY_CLAIM, key).map((each) => VOLUME_KEY + keyOf(each));
    const { volumeName = '' } = object.spec ?? {};
    const named = volumeName === '' ? [] : [VOLUME_KEY + volumeName];
    return [...(type === 'deleted' ? [] : [CLAIM_KEY + key]), ...kept, ...named];
  }

  ofVolume({ type, key, object }: Change<PersistentVolume>): string[] {
    const isGone = type === 'deleted';
    const named = this.#claims
      .byIndex(BY_VOLUME, key)
      .filter((claim) => isGone || isWaiting(claim) || isApart(object, claim))
      .map(keyOf);
    const suited = isGone || object.spec?.claimRef !== undefined ? [] : this.#suited(object);
    const claims = [...claimKeyOf(object), ...named, ...suited].map((each) => CLAIM_KEY + each);
    return [...(isGone ? [] : [VOLUME_KEY + key]), ...claims];
  }

  /** The claims that wait for such a volume. */
  #suited(volume: PersistentVolume): string[] {
    const keys: string[] = [];
    for (const claim of this.#claims.byIndex(BY_CLASS, storageClassOf(volume))) {
      if (keys.length >= WAKES_MAX) break;
      const isFree = suits(volume, claim) && isFreeFor(volume, claim);
      if (isFree && hasAccessModes(volume, claim)) keys.push(keyOf(claim));
    }
    return keys;
  }

  ofClass({ type, key, object }: Change<StorageClass>): string[] {
    if (type === 'deleted') return [];
    const waiting = this.#claims.byIndex(BY_CLASS, key);
    const classless = isDefaultStorageClass(object)
      ? this.#claims.byIndex(BY_CLASS, CLASSLESS)
      : [];
    return [...waiting, ...classless].map((claim) => CLAIM_KEY + keyOf(claim));
  }

  ofPod({ object }: Change<Pod>): string[] {
    const volume = recycledVolume(object);
    return volume === undefined ? [] : [VOLUME_KEY + volume];
  }
}

function isWaiting({ metadata }: PersistentVolumeClaim): boolean {
  return metadata?.annotations?.[BIND_COMPLETED] === undefined;
}

/** Whether a claim was bound to a volume that does not say so. */
function isApart({ spec, status }: PersistentVolume, { metadata }: PersistentVolumeClaim): boolean {
  return spec?.claimRef?.uid !== metadata?.uid || status?.phase !== 'Bound';
}

function claimKeyOf({ spec }: PersistentVolume): string[] {
  const { name = '', namespace } = spec?.claimRef ?? {};
  return name === '' ? [] : [keyFor(name, namespace)];
}
