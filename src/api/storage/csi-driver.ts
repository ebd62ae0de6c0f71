/** CSIDriver. Upstream: pkg/registry/storage/csidriver, pkg/apis/storage/v1/defaults.go. */
import type { CSIDriver } from '#api/gen/storage-v1.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from '../meta/columns.ts';
import { validateCsiDriver, validateCsiDriverUpdate } from '../validation/csi.ts';

function setDefaults(driver: CSIDriver): void {
  const spec = (driver.spec ??= {});
  spec.attachRequired ??= true;
  spec.podInfoOnMount ??= false;
  spec.storageCapacity ??= false;
  spec.fsGroupPolicy ??= 'ReadWriteOnceWithFSType';
  if ((spec.volumeLifecycleModes ?? []).length === 0) spec.volumeLifecycleModes = ['Persistent'];
  spec.requiresRepublish ??= false;
  spec.seLinuxMount ??= false;
}

const boolean = (name: string, cell: (driver: CSIDriver) => boolean) => ({
  name,
  type: 'boolean' as const,
  cell,
});

export const CSI_DRIVER = defineKind<CSIDriver>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSIDriver',
  plural: 'csidrivers',
  namespaced: false,
  schema: 'io.k8s.api.storage.v1.CSIDriver',
  countsGeneration: true,
  returnsDeletedObject: true,
  columns: [
    NAME_COLUMN,
    boolean('AttachRequired', ({ spec }) => spec?.attachRequired ?? true),
    boolean('PodInfoOnMount', ({ spec }) => spec?.podInfoOnMount ?? false),
    boolean('StorageCapacity', ({ spec }) => spec?.storageCapacity ?? false),
    column(
      'TokenRequests',
      ({ spec }) => spec?.tokenRequests?.map(({ audience }) => audience).join(',') ?? '<unset>',
    ),
    boolean('RequiresRepublish', ({ spec }) => spec?.requiresRepublish ?? false),
    column('Modes', ({ spec }) => (spec?.volumeLifecycleModes ?? []).join(',') || '<none>'),
    AGE_COLUMN,
  ],
  setDefaults,
  // Upstream counts updates only: a new driver has no generation yet.
  prepareForCreate: ({ metadata }) => {
    if (metadata !== undefined) delete metadata.generation;
  },
  validate: validateCsiDriver,
  validateUpdate: validateCsiDriverUpdate,
});
