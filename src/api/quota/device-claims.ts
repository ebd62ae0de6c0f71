/**
 * What ResourceClaims use of a quota: their number, and devices by class; at worst, where the claim
 * leaves a choice. Devices that a Pod asked for as an extended resource are the Pod's already.
 *
 * Upstream: pkg/quota/v1/evaluator/core/resource_claims.go, v1.36; KEP-4381, KEP-5004.
 */
import type {
  DeviceClass,
  DeviceRequest,
  DeviceSubRequest,
  ResourceClaim,
} from '#api/gen/resource-v1.ts';
import { compareQuantity, subtractQuantity } from '../codec/quantity.ts';
import type { ResourceList } from '../core/resources.ts';
import { controllerOf } from '../meta/object.ts';
import { type Evaluator, objectCountName, type QuotaWorld } from './evaluator.ts';
import { isExtendedQuotaName, podUsage } from './pods.ts';

const RESOURCE = { group: 'resource.k8s.io', resource: 'resourceclaims' };
const COUNT = objectCountName(RESOURCE);
const OF_CLASS = '.deviceclass.resource.k8s.io/devices';
const REQUESTS = 'requests.';
const IMPLICIT = 'deviceclass.resource.kubernetes.io/';
const FOR_EXTENDED_RESOURCE = 'resource.kubernetes.io/extended-resource-claim';
/** How many devices a claim can get at most. */
const DEVICES_MAX = 32;

export const DEVICE_CLAIM_EVALUATOR: Evaluator<ResourceClaim> = {
  resource: RESOURCE,
  covers: (name, world) =>
    name === COUNT ||
    name.endsWith(OF_CLASS) ||
    (isExtendedQuotaName(name) && isOfDevices(name.slice(REQUESTS.length), world.deviceClasses())),
  isInScope: () => false,
  usage: (claim, world) => {
    const devices = devicesByClass(claim);
    const usage: Record<string, string> = { [COUNT]: '1' };
    for (const [name, count] of devices) usage[name + OF_CLASS] = String(count);
    return { ...usage, ...extendedUsage(devices, claim, world) };
  },
  charges: ({ subresource }) => subresource === '',
  isFreedBy: () => false,
};

function isOfDevices(resource: string, classes: readonly DeviceClass[]): boolean {
  return classes.some(
    ({ metadata, spec }) =>
      spec?.extendedResourceName === resource || IMPLICIT + (metadata?.name ?? '') === resource,
  );
}

function devicesByClass({ spec }: ResourceClaim): Map<string, number> {
  const devices = new Map<string, number>();
  for (const request of spec?.devices?.requests ?? []) {
    for (const [name, count] of devicesOf(request))
      devices.set(name, (devices.get(name) ?? 0) + count);
  }
  return devices;
}

/** Of alternatives the most that each class may have to give. */
function devicesOf({ exactly, firstAvailable = [] }: DeviceRequest): Map<string, number> {
  if (firstAvailable.length === 0)
    return new Map(exactly === undefined ? [] : [[exactly.deviceClassName, countOf(exactly)]]);
  const most = new Map<string, number>();
  for (const choice of firstAvailable) {
    const count = countOf(choice);
    if (count > (most.get(choice.deviceClassName) ?? 0)) most.set(choice.deviceClassName, count);
  }
  return most;
}

/** A mode that is not known counts nothing. */
function countOf({
  allocationMode,
  count = 0,
}: Pick<DeviceSubRequest, 'allocationMode' | 'count'>): number {
  if (allocationMode === 'ExactCount') return count;
  return allocationMode === 'All' ? DEVICES_MAX : 0;
}

/** The same devices under the names of extended resources, less what the Pod is charged for. */
function extendedUsage(
  devices: ReadonlyMap<string, number>,
  claim: ResourceClaim,
  world: QuotaWorld,
): ResourceList {
  const names = new Map(
    world.deviceClasses().map(({ metadata, spec }) => [metadata?.name, spec?.extendedResourceName]),
  );
  const charged = chargedToPod(claim, world);
  const usage: Record<string, string> = {};
  for (const [className, count] of devices) {
    const explicit = names.get(className) ?? '';
    for (const name of [IMPLICIT + className, ...(explicit === '' ? [] : [explicit])]) {
      const rest = subtractQuantity(String(count), charged[REQUESTS + name] ?? '0');
      if (compareQuantity(rest, '0') > 0) usage[REQUESTS + name] = rest;
    }
  }
  return usage;
}

/** What the Pod uses whose extended resources this claim, and no other, stands for. */
function chargedToPod(claim: ResourceClaim, world: QuotaWorld): ResourceList {
  const { name = '', namespace = '' } = claim.metadata ?? {};
  const owner = podOwnerOf(claim);
  const pod = owner === undefined ? undefined : world.pod(owner.name, namespace);
  if (pod === undefined || pod.metadata?.uid !== owner?.uid) return {};
  const known = pod.status?.extendedResourceClaimStatus;
  const isTheOne =
    known === undefined
      ? world
          .claims(namespace)
          .every((other) => podOwnerOf(other)?.uid !== owner?.uid || !isBefore(other, claim))
      : known.resourceClaimName === name;
  return isTheOne ? podUsage(pod, world.nowMs) : {};
}

function podOwnerOf(claim: ResourceClaim): { name: string; uid: string } | undefined {
  if (claim.metadata?.annotations?.[FOR_EXTENDED_RESOURCE] !== 'true') return undefined;
  const owner = controllerOf(claim);
  return owner?.kind === 'Pod' && owner.apiVersion === 'v1' ? owner : undefined;
}

function isBefore({ metadata: one }: ResourceClaim, { metadata: other }: ResourceClaim): boolean {
  const [created = '', than = ''] = [one?.creationTimestamp, other?.creationTimestamp];
  return created === than ? (one?.name ?? '') < (other?.name ?? '') : created < than;
}
