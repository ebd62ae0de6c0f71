/**
 * What a pod's status says of resources, claims, users and volumes.
 *
 * Upstream: pkg/apis/core/validation/validation.go (validatePodResourceClaimStatuses,
 * validatePodExtendedResourceClaimStatus, validateNodeAllocatableResourceClaimStatus,
 * validateContainerStatusUsers, validateContainerStatusAllocatedResourcesStatus, validateVolumeStatus).
 */
import type {
  Container,
  ContainerStatus,
  Pod,
  PodSpec,
  PodStatus,
  ResourceStatus,
} from '#api/gen/core-v1.ts';
import { quantityMilli } from '../codec/quantity.ts';
import {
  duplicate,
  type FieldError,
  type FieldPath,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  tooLong,
} from '../meta/field.ts';
import { label, subdomain, unixId } from './common.ts';
import { isNativeResource } from './resource-names.ts';

const HEALTHS = ['Healthy', 'Unhealthy', 'Unknown'];
const HEALTH_MESSAGE_MAX = 1024;
const IMAGE_REFERENCE_MAX = 256;
const CLAIM_PREFIX = 'claim:';

function claimStatuses({ resourceClaimStatuses }: PodStatus, spec: PodSpec, at: FieldPath) {
  const declared = new Set((spec.resourceClaims ?? []).map(({ name }) => name));
  const seen = new Set<string>();
  return (resourceClaimStatuses ?? []).flatMap(({ name, resourceClaimName }, i): FieldError[] => {
    const here = at.index(i);
    const known = 'must match the name of an entry in `spec.resourceClaims`';
    const errors = declared.has(name) ? [] : [invalidValue(here.child('name'), name, known)];
    if (seen.has(name)) errors.push(duplicate(here.child('name'), name));
    seen.add(name);
    if (resourceClaimName !== undefined)
      errors.push(...subdomain(resourceClaimName, here.child('resourceClaimName')));
    return errors;
  });
}

function extendedClaim(
  { extendedResourceClaimStatus: status }: PodStatus,
  spec: PodSpec,
  at: FieldPath,
) {
  if (status === undefined) return [];
  const containers = new Map<string, Container>(
    [...(spec.initContainers ?? []), ...(spec.containers ?? [])].map((each) => [each.name, each]),
  );
  const mappings = at.child('requestMappings');
  const errors: FieldError[] = [];
  if ((status.requestMappings ?? []).length === 0)
    errors.push(required(mappings, 'at least one request mapping is required'));
  const seen = new Set<string>();
  for (const [i, mapping] of (status.requestMappings ?? []).entries()) {
    const { containerName, resourceName, requestName } = mapping;
    const here = mappings.index(i);
    const container = containers.get(containerName);
    if (container === undefined) {
      const detail =
        'must match the name of an entry in spec.initContainers.name or spec.containers.name';
      errors.push(invalidValue(here.child('containerName'), containerName, detail));
    } else if (container.resources?.requests?.[resourceName] === undefined) {
      const detail =
        'must match the extended resource name of an entry in spec.initContainers.resources.requests or spec.containers.resources.requests';
      errors.push(invalidValue(here.child('resourceName'), resourceName, detail));
    }
    errors.push(...label(requestName, at.child('requestName')));
    const key = JSON.stringify([containerName, resourceName, requestName]);
    if (seen.has(key))
      for (const name of ['containerName', 'resourceName', 'requestName'] as const)
        errors.push(duplicate(here.child(name), mapping[name]));
    seen.add(key);
  }
  const name = at.child('resourceClaimName');
  if (status.resourceClaimName === '') errors.push(required(name));
  else errors.push(...subdomain(status.resourceClaimName, name));
  return errors;
}

function allocatableClaims(status: PodStatus, spec: PodSpec, at: FieldPath): FieldError[] {
  const names = new Set(
    [...(spec.resourceClaims ?? []), ...(status.resourceClaimStatuses ?? [])].map(
      ({ resourceClaimName }) => resourceClaimName,
    ),
  );
  return (status.nodeAllocatableResourceClaimStatuses ?? []).flatMap((claim, i) => {
    const { resourceClaimName: name, containers, resources } = claim;
    const here = at.index(i);
    const nameAt = here.child('resourceClaimName');
    const empty = 'must not be empty';
    const amounts = Object.entries(resources ?? {});
    const errors: FieldError[] = name === '' ? [required(nameAt, empty)] : [];
    if (!names.has(name))
      errors.push(invalidValue(nameAt, name, 'no mapping found in pod reference'));
    if ((containers ?? []).length === 0) errors.push(required(here.child('containers'), empty));
    if (amounts.length === 0) errors.push(required(here.child('resources'), empty));
    for (const [resource, amount] of amounts) {
      const key = here.child('resources').key(resource);
      if (!isNativeResource(resource))
        errors.push(invalidValue(key, resource, 'must be a node allocatable resource name'));
      if (quantityMilli(amount) < 0) errors.push(invalidValue(key, amount, 'must be non-negative'));
    }
    return errors;
  });
}

function users(statuses: readonly ContainerStatus[], spec: PodSpec, at: FieldPath): FieldError[] {
  const os = spec.os?.name ?? 'linux';
  return statuses.flatMap(({ user }, i) => {
    const linux = user?.linux;
    if (linux === undefined) return [];
    const here = at.index(i).child('user', 'linux');
    if (os === 'windows') return [forbiddenField(here, 'cannot be set for a windows pod')];
    return [
      ...unixId(linux.uid, here.child('uid')),
      ...unixId(linux.gid, here.child('gid')),
      ...(linux.supplementalGroups ?? []).flatMap((gid, g) =>
        unixId(gid, here.child('supplementalGroups').index(g)),
      ),
    ];
  });
}

function isAllocated(name: string, { resources }: Container): boolean {
  if (!name.startsWith(CLAIM_PREFIX)) return resources?.requests?.[name] !== undefined;
  return (resources?.claims ?? []).some(
    (claim) => name === `${CLAIM_PREFIX}${claim.name}${claim.request ? `/${claim.request}` : ''}`,
  );
}

function healths({ resources }: ResourceStatus, at: FieldPath): FieldError[] {
  const seen = new Set<string>();
  return (resources ?? []).flatMap(({ health = '', message, resourceID }, k) => {
    const here = at.index(k);
    const errors: FieldError[] = [];
    if (!HEALTHS.includes(health)) errors.push(notSupported(here.child('health'), health, HEALTHS));
    if (message === '')
      errors.push(required(here.child('message'), 'must be non-empty if specified'));
    if (message !== undefined && Buffer.byteLength(message) > HEALTH_MESSAGE_MAX)
      errors.push(tooLong(here.child('message'), HEALTH_MESSAGE_MAX));
    if (seen.has(resourceID)) errors.push(duplicate(here.child('resourceID'), resourceID));
    seen.add(resourceID);
    return errors;
  });
}

function allocations(
  statuses: readonly ContainerStatus[],
  containers: readonly Container[],
  at: FieldPath,
): FieldError[] {
  return statuses.flatMap(({ name, allocatedResourcesStatus }, i) => {
    const container = containers.find((each) => each.name === name);
    return (allocatedResourcesStatus ?? []).flatMap((resource, j) => {
      const { name: of = '' } = resource as Partial<ResourceStatus>;
      const here = at.index(i).child('allocatedResourcesStatus').index(j);
      const detail = of.startsWith(CLAIM_PREFIX)
        ? "must match one of the container's resource claims in a format 'claim:<claimName>/<request>' or 'claim:<claimName>' if request is empty"
        : "must match one of the container's resource requests";
      const isKnown = container === undefined || isAllocated(of, container);
      return [
        ...(isKnown ? [] : [invalidValue(here.child('name'), of, detail)]),
        ...healths(resource, here.child('resources')),
      ];
    });
  });
}

function volumes(statuses: readonly ContainerStatus[], at: FieldPath): FieldError[] {
  return statuses.flatMap(({ volumeMounts }, i) =>
    (volumeMounts ?? []).flatMap(({ volumeStatus }, j) => {
      const image = volumeStatus?.image;
      if (image === undefined) return [];
      const mount = at.index(i).child('volumeMounts').index(j);
      const here = mount.child('volumeStatus', 'imageVolumeStatus', 'imageRef');
      const { imageRef = '' } = image;
      if (imageRef === '') return [required(here, 'imageRef must not be empty')];
      return imageRef.length > IMAGE_REFERENCE_MAX ? [tooLong(here, IMAGE_REFERENCE_MAX)] : [];
    }),
  );
}

/** The claims first, as upstream does before it looks at addresses. */
export function validateClaimStatuses({ status, spec }: Pod, at: FieldPath): FieldError[] {
  if (status === undefined || spec === undefined) return [];
  return [
    ...claimStatuses(status, spec, at.child('resourceClaimStatuses')),
    ...extendedClaim(status, spec, at.child('extendedResourceClaimStatus')),
    ...allocatableClaims(status, spec, at.child('nodeAllocatableResourceClaimStatuses')),
  ];
}

export function validateContainerStatuses({ status, spec }: Pod, at: FieldPath): FieldError[] {
  if (status === undefined || spec === undefined) return [];
  const lists = [
    'containerStatuses',
    'initContainerStatuses',
    'ephemeralContainerStatuses',
  ] as const;
  const each = (check: (list: readonly ContainerStatus[], path: FieldPath) => FieldError[]) =>
    lists.flatMap((list) => check(status[list] ?? [], at.child(list)));
  const ephemeral = at.child('ephemeralContainerStatuses');
  return [
    ...each((list, path) => users(list, spec, path)),
    ...allocations(status.containerStatuses ?? [], spec.containers ?? [], at.child(lists[0])),
    ...allocations(
      status.initContainerStatuses ?? [],
      spec.initContainers ?? [],
      at.child(lists[1]),
    ),
    ...(status.ephemeralContainerStatuses ?? []).flatMap(({ allocatedResourcesStatus }, i) =>
      (allocatedResourcesStatus ?? []).length === 0
        ? []
        : [
            forbiddenField(
              ephemeral.index(i).child('allocatedResourcesStatus'),
              'must not be specified in container status',
            ),
          ],
    ),
    ...each(volumes),
  ];
}
