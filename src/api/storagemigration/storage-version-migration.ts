/** StorageVersionMigration. Upstream: pkg/registry/storagemigration, pkg/apis/storagemigration/validation. */
import type { StorageVersionMigration } from '#api/gen/storagemigration-v1beta1.ts';
import { defineKind } from '../kind.ts';
import { column, NAME_COLUMN } from '../meta/columns.ts';
import { type FieldError, fieldPath, invalidValue, required } from '../meta/field.ts';
import { isDns1035Label, isDns1123Subdomain } from '../meta/names.ts';
import { groupResourceName } from '../meta/object.ts';
import { immutable, validateConditions } from '../validation/metadata.ts';

const SPEC = fieldPath('spec');
const STATUS = fieldPath('status');
const STATES = ['Running', 'Failed', 'Succeeded'];

const isTrue = ({ status }: StorageVersionMigration, wanted: string): boolean =>
  status?.conditions?.some(({ type, status: is }) => type === wanted && is === 'True') === true;

function validateMigration({ spec }: StorageVersionMigration): FieldError[] {
  const at = SPEC.child('resource');
  const { resource = '', group = '' } = spec?.resource ?? {};
  const errors: FieldError[] = [];
  if (resource === '')
    errors.push(required(at.child('resource'), 'resource is required to be set'));
  else if (isDns1035Label(resource).length > 0)
    errors.push(invalidValue(at.child('resource'), resource, isDns1035Label(resource).join(',')));
  const ofGroup = group === '' ? [] : isDns1123Subdomain(group);
  if (ofGroup.length > 0) errors.push(invalidValue(at.child('group'), group, ofGroup.join(',')));
  return errors;
}

function validateProgress(
  next: StorageVersionMigration,
  old: StorageVersionMigration,
): FieldError[] {
  const at = STATUS.child('conditions');
  const conditions = next.status?.conditions ?? [];
  const errors = validateConditions(conditions, at);
  const before = old.status?.resourceVersion ?? '';
  const after = next.status?.resourceVersion ?? '';
  if (before !== '' && before !== after)
    errors.push(invalidValue(STATUS.child('resourceVersion'), after, 'field is immutable'));
  if (isTrue(next, 'Succeeded') && isTrue(next, 'Failed')) {
    const detail = 'Both success and failed conditions cannot be true at the same time';
    errors.push(invalidValue(at, conditions, detail));
  }
  for (const [type, name] of [
    ['Succeeded', 'Success'],
    ['Failed', 'Failed'],
  ] as const) {
    if (!isTrue(old, type) || isTrue(next, type)) continue;
    const detail = `${name} condition cannot be set to false once it is true`;
    errors.push(invalidValue(at, conditions, detail));
  }
  return errors;
}

export const STORAGE_VERSION_MIGRATION = defineKind<StorageVersionMigration>({
  group: 'storagemigration.k8s.io',
  version: 'v1beta1',
  kind: 'StorageVersionMigration',
  plural: 'storageversionmigrations',
  namespaced: false,
  schema: 'io.k8s.api.storagemigration.v1beta1.StorageVersionMigration',
  featureGate: 'StorageVersionMigrator',
  hasStatus: true,
  countsGeneration: false,
  columns: [
    { ...NAME_COLUMN, name: 'Name' },
    column('Resource', ({ spec }) =>
      groupResourceName({
        group: spec?.resource?.group ?? '',
        resource: spec?.resource?.resource ?? '',
      }),
    ),
    column(
      'Status',
      ({ status }) =>
        status?.conditions?.findLast(
          ({ type, status: is }) => is === 'True' && STATES.includes(type),
        )?.type ?? 'Unknown',
    ),
  ],
  prepareForCreate: (migration) => {
    migration.status = {};
  },
  validate: validateMigration,
  validateUpdate: (next, old) => immutable(next.spec, old.spec, SPEC),
  validateStatus: validateProgress,
});
