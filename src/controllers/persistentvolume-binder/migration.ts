/**
 * Volumes and claims of drivers that were part of Kubernetes once are marked with the driver that
 * has taken over, and lose the finalizers of the one before.
 *
 * Upstream: updateMigrationAnnotations, modifyDeletionFinalizers in
 * pkg/controller/volume/persistentvolume/pv_controller_base.go, v1.36.
 */
import { PROVISIONED_BY, STORAGE_PROVISIONER } from '#api/core/volume-binding.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/gen/core-v1.ts';
import { driverOf } from '../shared/migrated-volumes.ts';
import { MIGRATED_TO } from './plugins.ts';

export const BETA_STORAGE_PROVISIONER = 'volume.beta.kubernetes.io/storage-provisioner';
const IN_TREE_FINALIZER = 'kubernetes.io/pv-controller';
const EXTERNAL_FINALIZER = 'external-provisioner.volume.kubernetes.io/finalizer';

type Annotations = Readonly<Record<string, string>>;

/** The annotations of what `provisioner` makes; undefined: they are right. */
function marked(annotations: Annotations, provisioner: string): Annotations | undefined {
  const driver = driverOf(provisioner);
  const known = annotations[MIGRATED_TO] ?? '';
  if (known === (driver ?? '')) return undefined;
  if (driver !== undefined) return { ...annotations, [MIGRATED_TO]: driver };
  const { [MIGRATED_TO]: _gone, ...kept } = annotations;
  return kept;
}

/** The claim with its mark; undefined: it has it. */
export function migratedClaim(claim: PersistentVolumeClaim): PersistentVolumeClaim | undefined {
  const annotations = claim.metadata?.annotations;
  const provisioner = annotations?.[STORAGE_PROVISIONER] ?? annotations?.[BETA_STORAGE_PROVISIONER];
  if (annotations === undefined || provisioner === undefined) return undefined;
  const next = marked(annotations, provisioner);
  return next && { ...claim, metadata: { ...claim.metadata, annotations: next } };
}

/** The volume with its mark and finalizers; undefined: they are right. */
export function migratedVolume(volume: PersistentVolume): PersistentVolume | undefined {
  const annotations = volume.metadata?.annotations;
  const provisioner = annotations?.[PROVISIONED_BY];
  if (annotations === undefined || provisioner === undefined) return undefined;
  const next = marked(annotations, provisioner);
  const before = volume.metadata?.finalizers ?? [];
  const finalizers = finalizersOf(volume, provisioner);
  if (next === undefined && finalizers.join() === before.join()) return undefined;
  const metadata = { ...volume.metadata, annotations: next ?? annotations, finalizers };
  return { ...volume, metadata };
}

function finalizersOf({ metadata, spec }: PersistentVolume, provisioner: string): string[] {
  const before = metadata?.finalizers ?? [];
  const without = (name: string): string[] => before.filter((each) => each !== name);
  if (driverOf(provisioner) !== undefined) return without(IN_TREE_FINALIZER);
  if (!provisioner.startsWith('kubernetes.io/')) return before;
  const kept = without(EXTERNAL_FINALIZER).filter((each) => each !== IN_TREE_FINALIZER);
  switch (spec?.persistentVolumeReclaimPolicy) {
    case 'Delete':
      return before.includes(IN_TREE_FINALIZER)
        ? without(EXTERNAL_FINALIZER)
        : [...kept, IN_TREE_FINALIZER];
    case 'Retain':
    case 'Recycle':
      return kept;
    default:
      return without(EXTERNAL_FINALIZER);
  }
}
