/**
 * Who may write which part of the status of a resource claim: its allocation and reservations with a
 * right to `resourceclaims/binding`, the state of a driver's devices with one to
 * `resourceclaims/driver` of the driver's name.
 *
 * Source: upstream v1.36 pkg/registry/resource/utils.go; feature gate
 * DRAResourceClaimGranularStatusAuthorization.
 */
import type {
  AllocatedDeviceStatus,
  AllocationResult,
  ResourceClaim,
} from '#api/gen/resource-v1.ts';
import type { NeededPermission, WriteContext } from '../kind.ts';
import { equalValues } from '../meta/equal.ts';
import { fieldPath, forbiddenField } from '../meta/field.ts';
import { nameIsDnsSubdomain } from '../meta/names.ts';

const ASSOCIATED_NODE = 'associated-node:';
const ARBITRARY_NODE = 'arbitrary-node:';
const SERVICE_ACCOUNT = /^system:serviceaccount:[^:]+:[^:]+$/;
const NODE_NAME = 'authentication.kubernetes.io/node-name';

export function permissionsForClaimStatus(
  next: ResourceClaim,
  old: ResourceClaim,
  user: WriteContext['user'],
): readonly NeededPermission[] {
  return [...forBinding(next, old), ...forDevices(next, old, user)];
}

function forBinding({ status: next }: ResourceClaim, { status: old }: ResourceClaim) {
  const isSame =
    equalValues(next?.allocation, old?.allocation) &&
    equalValues(next?.reservedFor, old?.reservedFor);
  if (isSame) return [];
  const at = fieldPath('status').child('allocation');
  const needed: NeededPermission = {
    subresource: 'binding',
    inNamespace: false,
    name: '',
    verbPrefixes: [''],
    error: ([verb = ''], reason) =>
      forbiddenField(
        at,
        `changing status.allocation or status.reservedFor requires resource="resourceclaims/binding", verb="${verb}" permission: ${reason}`,
      ),
  };
  return [needed];
}

/** One for each driver. A claim that is allocated no more loses the state of its devices anyway. */
function forDevices(
  { status: next }: ResourceClaim,
  { status: old }: ResourceClaim,
  user: WriteContext['user'],
): NeededPermission[] {
  if (next?.allocation === undefined) return [];
  const isOnNode = isOfNode(user, nodeOf(next.allocation));
  const at = fieldPath('status').child('devices');
  return changedDrivers(next.devices, old?.devices).map((name) => ({
    subresource: 'driver',
    inNamespace: true,
    name,
    verbPrefixes: isOnNode ? [ASSOCIATED_NODE, ARBITRARY_NODE] : [ARBITRARY_NODE],
    error: (verbs, reason) =>
      forbiddenField(
        at,
        `changing status.devices requires resource="resourceclaims/driver", verb="[${verbs.join(' ')}]" permission: ${reason}`,
      ),
  }));
}

function changedDrivers(
  next: readonly AllocatedDeviceStatus[] = [],
  old: readonly AllocatedDeviceStatus[] = [],
): string[] {
  const gone = new Map(old.map((device) => [keyOf(device), device]));
  const drivers = new Set<string>();
  for (const device of next) {
    const before = gone.get(keyOf(device));
    gone.delete(keyOf(device));
    if (!equalValues(before, device)) drivers.add(device.driver);
  }
  for (const { driver } of gone.values()) drivers.add(driver);
  return [...drivers].toSorted();
}

/** What tells a device from all others. */
export function keyOf({ driver, pool, device, shareID = '' }: DeviceId): string {
  return JSON.stringify([driver, pool, device, shareID]);
}

type DeviceId = Pick<AllocatedDeviceStatus, 'driver' | 'pool' | 'device' | 'shareID'>;

/** The one node that the devices are on; empty where they are on several or on none. */
function nodeOf({ nodeSelector }: AllocationResult): string {
  const [term, ...others] = nodeSelector?.nodeSelectorTerms ?? [];
  if (term === undefined || others.length > 0 || (term.matchExpressions ?? []).length > 0)
    return '';
  const [field, ...more] = term.matchFields ?? [];
  const [name = '', ...names] = field?.values ?? [];
  const isOne = more.length === 0 && names.length === 0;
  return isOne && field?.key === 'metadata.name' && field.operator === 'In' ? name : '';
}

/** Whether the user is a service account whose token is bound to that node. */
function isOfNode({ name, extra }: WriteContext['user'], node: string): boolean {
  const [own, ...others] = extra?.[NODE_NAME] ?? [];
  const isBound = own === node && others.length === 0;
  return (
    node !== '' &&
    isBound &&
    SERVICE_ACCOUNT.test(name) &&
    nameIsDnsSubdomain(own ?? '', false).length === 0
  );
}
