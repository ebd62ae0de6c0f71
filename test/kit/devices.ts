/** Devices for tests: classes, slices of simulated drivers and claims, in few words. */
import type {
  Device,
  DeviceAttribute,
  DeviceClaim,
  DeviceClass,
  DeviceClassSpec,
  DeviceRequest,
  DeviceSubRequest,
  ExactDeviceRequest,
  ResourceClaim,
  ResourceSlice,
  ResourceSliceSpec,
} from '#api/gen/resource-v1.ts';

export const DRIVER = 'gpu.example.com';

export function aClass(name: string, spec: DeviceClassSpec = {}): DeviceClass {
  return { metadata: { name, resourceVersion: '1' }, spec };
}

/** A class of what `expression` selects. */
export function aSelectingClass(name: string, expression: string): DeviceClass {
  return aClass(name, { selectors: [{ cel: { expression } }] });
}

export interface SliceWords extends Partial<Omit<ResourceSliceSpec, 'pool' | 'devices'>> {
  readonly pool?: string;
  readonly generation?: number;
  readonly slices?: number;
  /** Names, or whole devices. */
  readonly devices?: readonly (string | Device)[];
}

/** The devices of a pool that is named after its node, unless it is for others too. */
export function aSlice(name: string, words: SliceWords = {}): ResourceSlice {
  const { pool, generation = 1, slices = 1, devices, driver = DRIVER, ...rest } = words;
  return {
    metadata: { name, resourceVersion: '1' },
    spec: {
      driver,
      pool: {
        name: pool ?? rest.nodeName ?? 'shared',
        generation,
        resourceSliceCount: slices,
      },
      ...rest,
      ...(devices === undefined
        ? {}
        : { devices: devices.map((each) => (typeof each === 'string' ? { name: each } : each)) }),
    },
  };
}

/** Attributes by name: strings, numbers, booleans; a version is a string that begins with `v`. */
export function aDevice(
  name: string,
  attributes: Readonly<Record<string, string | number | boolean>>,
  rest: Partial<Device> = {},
): Device {
  const values = Object.entries(attributes).map(([key, value]) => [key, attribute(value)]);
  return { name, attributes: Object.fromEntries(values), ...rest };
}

function attribute(value: string | number | boolean): DeviceAttribute {
  if (typeof value === 'number') return { int: value };
  if (typeof value === 'boolean') return { bool: value };
  return /^v\d/.test(value) ? { version: value.slice(1) } : { string: value };
}

/** One device of the class `gpu`, unless it says otherwise. */
export function aRequest(name: string, words: Partial<ExactDeviceRequest> = {}): DeviceRequest {
  return { name, exactly: asked(words) };
}

function asked(words: Partial<ExactDeviceRequest>): ExactDeviceRequest {
  const { allocationMode = 'ExactCount' } = words;
  return {
    deviceClassName: 'gpu',
    allocationMode,
    ...(allocationMode === 'ExactCount' ? { count: 1 } : {}),
    ...words,
  };
}

/** The first of these that can be had. */
export function anyOf(
  name: string,
  ...alternatives: (Partial<DeviceSubRequest> & { readonly name: string })[]
): DeviceRequest {
  return { name, firstAvailable: alternatives.map((each) => ({ ...asked(each), ...each })) };
}

export function selecting(expression: string): NonNullable<ExactDeviceRequest['selectors']> {
  return [{ cel: { expression } }];
}

export function aClaim(
  name: string,
  devices: Partial<DeviceClaim> = {},
  rest: Partial<ResourceClaim> = {},
): ResourceClaim {
  return {
    metadata: { name, namespace: 'default', uid: `uid-${name}`, resourceVersion: '1' },
    spec: { devices: { requests: [aRequest('r')], ...devices } },
    ...rest,
  };
}
