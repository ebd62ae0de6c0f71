/** What volumes and claims have in common: access modes as text, and the storage class. */
import type { PersistentVolume, PersistentVolumeClaim } from '#api/gen/core-v1.ts';

const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class';

const SHORT: ReadonlyMap<string, string> = new Map([
  ['ReadWriteOnce', 'RWO'],
  ['ReadOnlyMany', 'ROX'],
  ['ReadWriteMany', 'RWX'],
  ['ReadWriteOncePod', 'RWOP'],
]);

/** `RWO,ROX`, each once, in upstream's order. */
export function accessModesText(modes: readonly string[] | undefined): string {
  return [...SHORT]
    .filter(([mode]) => modes?.includes(mode))
    .map(([, short]) => short)
    .join(',');
}

/** The storage class of a volume or claim; the old annotation wins over the field. */
export function storageClassOf(object: PersistentVolume | PersistentVolumeClaim): string {
  return object.metadata?.annotations?.[CLASS_ANNOTATION] ?? object.spec?.storageClassName ?? '';
}

/** Whether a claim says anything of its class: "no class" is a word too. */
export function hasStorageClass({ metadata, spec }: PersistentVolumeClaim): boolean {
  return (
    metadata?.annotations?.[CLASS_ANNOTATION] !== undefined || spec?.storageClassName !== undefined
  );
}
