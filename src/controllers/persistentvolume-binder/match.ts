/**
 * The best volume for a claim: one that is kept for it, else the smallest that suits, with as few
 * access modes as possible.
 *
 * Upstream: findByClaim in pkg/controller/volume/persistentvolume/index.go and FindMatchingVolume in
 * staging/src/k8s.io/component-helpers/storage/volume/pv_helpers.go, v1.36.
 */
import { compareQuantity } from '#api/codec/quantity.ts';
import { hasAccessModes, isBoundTo, isFreeFor, suits } from '#api/core/volume-binding.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/gen/core-v1.ts';

/** `waits`: the scheduler chooses, so that only a volume that is kept for the claim will do. */
export function bestMatch(
  claim: PersistentVolumeClaim,
  volumes: readonly PersistentVolume[],
  waits: boolean,
): PersistentVolume | undefined {
  const suitable = volumes.filter((each) => hasAccessModes(each, claim) && suits(each, claim));
  const counts = new Set(suitable.map(modeCount));
  for (const count of [...counts].sort((a, b) => a - b)) {
    const found = bestOf(
      claim,
      suitable.filter((volume) => modeCount(volume) === count),
      waits,
    );
    if (found !== undefined) return found;
  }
  return undefined;
}

function bestOf(
  claim: PersistentVolumeClaim,
  volumes: readonly PersistentVolume[],
  waits: boolean,
): PersistentVolume | undefined {
  const kept = volumes.find((volume) => isBoundTo(volume, claim));
  if (kept !== undefined || waits) return kept;
  const [first, ...others] = volumes.filter((volume) => isFreeFor(volume, claim));
  return others.reduce((best, each) => (isSmaller(each, best) ? each : best), first);
}

function modeCount({ spec }: PersistentVolume): number {
  return new Set(spec?.accessModes).size;
}

function isSmaller(one: PersistentVolume, other: PersistentVolume | undefined): boolean {
  const size = (volume?: PersistentVolume): string => volume?.spec?.capacity?.['storage'] ?? '0';
  return compareQuantity(size(one), size(other)) < 0;
}
