/** StorageVersion. Upstream: pkg/registry/apiserverinternal/storageversion, pkg/apis/apiserverinternal/validation. */
import type { StorageVersion } from '#api/gen/apiserverinternal-v1alpha1.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, NAME_COLUMN, withMore } from '../meta/columns.ts';
import { isDns1035Label, isDns1123Subdomain } from '../meta/names.ts';
import { validateStorageVersionStatus } from './storage-version-status.ts';

const SERVERS_SHOWN = 3;

function nameErrors(name: string): string[] {
  const dot = name.lastIndexOf('.');
  if (dot < 0) return ['name must be in the form of <group>.<resource>'];
  return [
    ...isDns1123Subdomain(name.slice(0, dot)).map((message) => `the group segment ${message}`),
    ...isDns1035Label(name.slice(dot + 1)).map((message) => `the resource segment ${message}`),
  ];
}

export const STORAGE_VERSION = defineKind<StorageVersion>({
  group: 'internal.apiserver.k8s.io',
  version: 'v1alpha1',
  kind: 'StorageVersion',
  plural: 'storageversions',
  namespaced: false,
  schema: 'io.k8s.api.apiserverinternal.v1alpha1.StorageVersion',
  hasStatus: true,
  countsGeneration: false,
  columns: [
    NAME_COLUMN,
    column('CommonEncodingVersion', ({ status }) => status?.commonEncodingVersion ?? '<unset>'),
    column('StorageVersions', ({ status }) =>
      withMore(
        (status?.storageVersions ?? []).map(
          ({ apiServerID, encodingVersion }) => `${apiServerID ?? ''}=${encodingVersion ?? ''}`,
        ),
        SERVERS_SHOWN,
      ),
    ),
    AGE_COLUMN,
  ],
  validateName: (name) => nameErrors(name),
  prepareForCreate: (version) => {
    version.status = {};
  },
  validateStatus: (next) => validateStorageVersionStatus(next.status ?? {}),
});
