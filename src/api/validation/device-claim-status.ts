/** The status of a resource claim. Upstream: pkg/apis/resource/validation/validation.go. */
import type {
  AllocatedDeviceStatus,
  AllocationResult,
  DeviceAllocationConfiguration,
  DeviceRequestAllocationResult,
  NetworkDeviceData,
  ResourceClaim,
  ResourceClaimConsumerReference,
} from '#api/gen/resource-v1.ts';
import {
  type FieldError,
  type FieldPath,
  fieldPath,
  forbiddenField,
  invalidValue,
  tooLong,
  tooMany,
} from '../meta/field.ts';
import { formatIp, parseCidr } from '../meta/ip.ts';
import { validateNodeSelector } from './affinity.ts';
import { label, oneOf, present } from './common.ts';
import {
  LIST_MAX,
  type RequestNames,
  requestNamesOf,
  validateConfiguration,
  validateRequestName,
  validateRequestNames,
} from './device-claim.ts';
import {
  validateBindingConditions,
  validateList,
  validatePoolName,
  validateRaw,
  validateUid,
} from './device-names.ts';
import { immutable, validateConditions } from './metadata.ts';
import { validateDriverName } from './volumes.ts';

const RESERVED_MAX = 256;
const CONDITIONS_MAX = 8;
const DATA_MAX = 10 * 1024;
const INTERFACE_NAME_MAX = 256;
const HARDWARE_ADDRESS_MAX = 128;
const ADDRESSES_MAX = 16;

export function validateResourceClaimStatus(next: ResourceClaim, old: ResourceClaim): FieldError[] {
  const at = fieldPath('status');
  const { reservedFor = [], devices, allocation } = next.status ?? {};
  const allocated = new Set((allocation?.devices?.results ?? []).map(idOf));
  const names = requestNamesOf(next.spec);
  const errors = [
    ...validateList(reservedFor, {
      at: at.child('reservedFor'),
      max: RESERVED_MAX,
      key: ({ uid = '' }) => uid,
      item: validateConsumer,
    }),
    ...validateList(devices, {
      at: at.child('devices'),
      key: idOf,
      item: (device, where) => validateDevice(device, allocated, where),
    }),
    ...validateReservation(next, old, at.child('reservedFor')),
  ];
  if (allocation === undefined) return errors;
  const here = at.child('allocation');
  return old.status?.allocation === undefined
    ? [...errors, ...validateAllocation(allocation, names, here)]
    : [...errors, ...immutable(allocation, old.status.allocation, here)];
}

interface Device {
  readonly driver?: string;
  readonly pool?: string;
  readonly device?: string;
  readonly shareID?: string;
}

function idOf({ driver = '', pool = '', device = '', shareID }: Device): string {
  return [driver, pool, device, ...(shareID === undefined || shareID === '' ? [] : [shareID])].join(
    '/',
  );
}

function validateConsumer(
  consumer: Partial<ResourceClaimConsumerReference>,
  at: FieldPath,
): FieldError[] {
  return (['resource', 'name', 'uid'] as const).flatMap((field) =>
    present(consumer[field], at.child(field)),
  );
}

function validateReservation(next: ResourceClaim, old: ResourceClaim, at: FieldPath): FieldError[] {
  const reserved = next.status?.reservedFor ?? [];
  if (reserved.length === 0) return [];
  if (next.status?.allocation === undefined)
    return [forbiddenField(at, 'may not be specified when `allocated` is not set')];
  if (next.metadata?.deletionTimestamp === undefined) return [];
  const before = new Set((old.status?.reservedFor ?? []).map((each) => JSON.stringify(each)));
  if (reserved.every((each) => before.has(JSON.stringify(each)))) return [];
  const detail =
    'new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set';
  return [forbiddenField(at, detail)];
}

function validateDevice(
  device: Partial<AllocatedDeviceStatus>,
  allocated: ReadonlySet<string>,
  at: FieldPath,
): FieldError[] {
  const { driver = '', pool = '', shareID, conditions = [], data } = device;
  const errors = [
    ...validateDriverName(driver, at.child('driver')),
    ...validatePoolName(pool, at.child('pool')),
    ...label(device.device, at.child('device')),
  ];
  if (shareID !== undefined) errors.push(...validateUid(shareID, at.child('shareID')));
  if (!allocated.has(idOf(device))) {
    const shown = {
      Driver: driver,
      Pool: pool,
      Device: device.device ?? '',
      ShareID: shareID ?? '',
    };
    errors.push(invalidValue(at, shown, 'must be an allocated device in the claim'));
  }
  const here = at.child('conditions');
  if (conditions.length > CONDITIONS_MAX)
    errors.push(tooMany(here, conditions.length, CONDITIONS_MAX));
  errors.push(...validateConditions(conditions, here));
  if (data !== undefined) errors.push(...validateRaw(data, at.child('data'), DATA_MAX));
  return [...errors, ...validateNetwork(device.networkData, at.child('networkData'))];
}

function validateNetwork(data: NetworkDeviceData | undefined, at: FieldPath): FieldError[] {
  const { interfaceName = '', hardwareAddress = '', ips } = data ?? {};
  const errors: FieldError[] = [];
  if (interfaceName.length > INTERFACE_NAME_MAX)
    errors.push(tooLong(at.child('interfaceName'), INTERFACE_NAME_MAX));
  if (hardwareAddress.length > HARDWARE_ADDRESS_MAX)
    errors.push(tooLong(at.child('hardwareAddress'), HARDWARE_ADDRESS_MAX));
  return [
    ...errors,
    ...validateList(ips, {
      at: at.child('ips'),
      max: ADDRESSES_MAX,
      key: (address) => address,
      item: validateInterfaceAddress,
    }),
  ];
}

/** An address with the length of its network's prefix, in canonical form. */
function validateInterfaceAddress(text: string, at: FieldPath): FieldError[] {
  const range = parseCidr(text);
  if (range === undefined) {
    const detail = 'must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)';
    return [invalidValue(at, text, detail)];
  }
  const canonical = `${formatIp(range.address)}/${range.prefix}`;
  return text === canonical
    ? []
    : [invalidValue(at, text, `must be in canonical form (${JSON.stringify(canonical)})`)];
}

function validateAllocation(
  allocation: AllocationResult,
  names: RequestNames,
  at: FieldPath,
): FieldError[] {
  const here = at.child('devices');
  const { results, config } = allocation.devices ?? {};
  return [
    ...validateList(results, {
      at: here.child('results'),
      max: LIST_MAX,
      item: (result, where) => validateResult(result, names, where),
    }),
    ...validateList(config, {
      at: here.child('config'),
      max: 2 * LIST_MAX,
      item: (each, where) => validateAllocationConfig(each, names, where),
    }),
    ...(allocation.nodeSelector === undefined
      ? []
      : validateNodeSelector(allocation.nodeSelector, at.child('nodeSelector'))),
  ];
}

function validateResult(
  result: Partial<DeviceRequestAllocationResult>,
  names: RequestNames,
  at: FieldPath,
): FieldError[] {
  return [
    ...validateRequestName(result.request ?? '', names, at.child('request')),
    ...validateDriverName(result.driver ?? '', at.child('driver')),
    ...validatePoolName(result.pool, at.child('pool')),
    ...label(result.device, at.child('device')),
    ...validateBindingConditions(result, at),
    ...(result.shareID === undefined ? [] : validateUid(result.shareID, at.child('shareID'))),
  ];
}

function validateAllocationConfig(
  config: Partial<DeviceAllocationConfiguration>,
  names: RequestNames,
  at: FieldPath,
): FieldError[] {
  return [
    ...oneOf(config.source, ['FromClaim', 'FromClass'], at.child('source')),
    ...validateRequestNames(config.requests, names, at),
    ...validateConfiguration(config, at),
  ];
}
