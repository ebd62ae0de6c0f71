/**
 * The storage class that claims without a class get.
 *
 * Upstream: GetDefaultClass in pkg/volume/util/storageclass.go, v1.36.
 */
import type { StorageClass } from '#api/gen/storage-v1.ts';
import { isDefaultStorageClass } from '#api/storage/storage-class.ts';

/** Of several the newest, then the first by name. */
export function defaultClassOf(classes: readonly StorageClass[]): StorageClass | undefined {
  const created = ({ metadata }: StorageClass): string => metadata?.creationTimestamp ?? '';
  const name = ({ metadata }: StorageClass): string => metadata?.name ?? '';
  const isBefore = (one: StorageClass, other: StorageClass): boolean =>
    created(one) === created(other) ? name(one) < name(other) : created(one) > created(other);
  const [first, ...others] = classes.filter(isDefaultStorageClass);
  return others.reduce<StorageClass | undefined>(
    (best, each) => (best === undefined || isBefore(each, best) ? each : best),
    first,
  );
}
