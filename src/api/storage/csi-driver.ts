/** CSIDriver. Upstream: pkg/registry/storage/csidriver, pkg/apis/storage/v1/defaults.go. */
import type { CSIDriver } from '#api/gen/storage-v1.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from '../meta/columns.ts';
import { equalValues } from '../meta/equal.ts';
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

const TOKENS_IN_SECRETS =
  'spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes';

export const CSI_DRIVER = defineKind<CSIDriver>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSIDriver',
  plural: 'csidrivers',
  namespaced: false,
  schema: 'io.k8s.api.storage.v1.CSIDriver',
  // Counted here: a new driver has the generation that it is sent with, none as a rule.
  countsGeneration: false,
  // Gate VolumeLimitScaling.
  gatedFields: ['spec.preventPodSchedulingIfMissing'],
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
  prepareForUpdate: (next, old) => {
    if (equalValues(next.spec, old.spec)) return;
    next.metadata = { ...next.metadata, generation: (old.metadata?.generation ?? 0) + 1 };
  },
  warn: ({ spec }, old) =>
    (spec?.tokenRequests ?? []).length > 0 &&
    spec?.serviceAccountTokenInSecrets === undefined &&
    !equalValues(spec?.tokenRequests, old?.spec?.tokenRequests)
      ? [TOKENS_IN_SECRETS]
      : [],
  validate: validateCsiDriver,
  validateUpdate: validateCsiDriverUpdate,
});
