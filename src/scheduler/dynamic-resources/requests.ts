/**
 * What a claim asks for, in one form: a request, or one of the alternatives of a request.
 *
 * Source: upstream v1.36 staging/src/k8s.io/dynamic-resource-allocation/structured/internal/incubating/allocator_incubating.go
 * (requestAccessor, validateDeviceRequest).
 */
import type {
  CapacityRequirements,
  DeviceClass,
  DeviceRequest,
  DeviceSelector,
  DeviceSubRequest,
  DeviceToleration,
  ExactDeviceRequest,
  ResourceClaim,
} from '#api/gen/resource-v1.ts';
import type { Candidate } from './device.ts';

/** Devices that one claim may have. */
export const RESULTS_MAX = 32;

/** Claim, class or slice are such that no node will do: said as upstream says it. */
export class AllocationError extends Error {}

export interface Request {
  /** Of the request in the claim. */
  readonly base: string;
  /** As results have it: of an alternative `base/alternative`. */
  readonly name: string;
  /** As messages have it. */
  readonly ownName: string;
  readonly isAlternative: boolean;
  readonly className: string;
  readonly mode: string;
  readonly count: number;
  readonly adminAccess: boolean;
  readonly selectors: readonly DeviceSelector[];
  readonly tolerations: readonly DeviceToleration[];
  readonly capacity: CapacityRequirements | undefined;
}

/** A request with what there is for it. */
export interface Wanted extends Request {
  readonly class: DeviceClass;
  readonly deviceCount: number;
  /** All that match, where all are asked for. */
  readonly all: readonly Candidate[] | undefined;
}

/** `namespace/name`. */
export function claimText({ metadata }: ResourceClaim): string {
  return `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`;
}

export function requestsOf({ spec }: ResourceClaim): readonly DeviceRequest[] {
  return spec?.devices.requests ?? [];
}

/** The request itself, or its alternatives in order. */
export function alternativesOf(request: DeviceRequest): readonly Request[] {
  const { name, exactly, firstAvailable = [] } = request;
  if (firstAvailable.length > 0)
    return firstAvailable.map((each) => ({
      ...common(each),
      base: name,
      name: `${name}/${each.name}`,
      ownName: each.name,
      isAlternative: true,
    }));
  return [{ ...common(exactly), base: name, name, ownName: name, isAlternative: false }];
}

function common(asked: ExactDeviceRequest | DeviceSubRequest = { deviceClassName: '' }) {
  return {
    className: asked.deviceClassName,
    mode: asked.allocationMode ?? 'ExactCount',
    count: asked.count ?? 0,
    adminAccess: 'adminAccess' in asked && asked.adminAccess === true,
    selectors: asked.selectors ?? [],
    tolerations: asked.tolerations ?? [],
    capacity: asked.capacity,
  };
}

/** Throws AllocationError. */
export function classOf(
  request: Request,
  claim: ResourceClaim,
  find: (name: string) => DeviceClass | undefined,
): DeviceClass {
  const where = `claim ${claimText(claim)}, request ${request.ownName}`;
  for (const [i, { cel }] of request.selectors.entries())
    if (cel === undefined)
      throw new AllocationError(
        `${where}, selector #${i}: CEL expression empty (unsupported selector type?)`,
      );
  const { className } = request;
  if (className === '')
    throw new AllocationError(`${where}: missing device class name (unsupported request type?)`);
  const found = find(className);
  if (found !== undefined) return found;
  const missing = `deviceclass.resource.k8s.io ${JSON.stringify(className)} not found`;
  throw new AllocationError(`${where}: could not retrieve device class ${className}: ${missing}`);
}
