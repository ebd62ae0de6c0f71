/** DeviceClass. Upstream: pkg/registry/resource/deviceclass/strategy.go. */
import type { DeviceClass } from '#api/gen/resource-v1.ts';
import { defineKind } from '../kind.ts';
import { validateDeviceClass } from '../validation/device-claim.ts';
import { subdomainInBytes } from '../meta/names.ts';
import { AGE_COLUMN, NAME_COLUMN } from '../meta/columns.ts';

export const DEVICE_CLASS = defineKind<DeviceClass>({
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'DeviceClass',
  plural: 'deviceclasses',
  namespaced: false,
  schema: 'io.k8s.api.resource.v1.DeviceClass',
  countsGeneration: true,
  unconditionalUpdate: true,
  returnsDeletedObject: true,
  columns: [NAME_COLUMN, AGE_COLUMN],
  // Upstream does not judge prefixes.
  validateName: (name, prefix) => (prefix ? [] : subdomainInBytes(name)),
  validateCreate: (deviceClass) => validateDeviceClass(deviceClass),
  validateUpdate: validateDeviceClass,
});
