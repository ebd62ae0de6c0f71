/**
 * The claims of a pod, by name, and which of a claim's requests a container is to have.
 *
 * Upstream: staging/src/k8s.io/dynamic-resource-allocation/resourceclaim,
 * pkg/kubelet/cm/dra/manager.go (GetResources), v1.36. That of extended resources: KEP-5004.
 */
import type { Container, Pod, PodResourceClaim } from '#api/gen/core-v1.ts';
import type { ResourceClaim } from '#api/gen/resource-v1.ts';
import { controllerOf } from '#api/meta/object.ts';

export interface PodClaim {
  readonly name: string;
  /** Made from a template: it must be this pod's own. */
  readonly mustBeOwned: boolean;
}

/** Throws an Error when a claim that is to be made for the pod is not there yet. */
export function podClaims(pod: Pod): PodClaim[] {
  const own = (pod.spec?.resourceClaims ?? []).flatMap((claim): PodClaim[] => {
    const name = claimName(pod, claim);
    return name === undefined
      ? []
      : [{ name, mustBeOwned: claim.resourceClaimTemplateName !== undefined }];
  });
  const extended = pod.status?.extendedResourceClaimStatus?.resourceClaimName;
  return extended === undefined ? own : [...own, { name: extended, mustBeOwned: false }];
}

/** Undefined: it was decided that none is needed. Throws an Error when none was made yet. */
function claimName(pod: Pod, claim: PodResourceClaim): string | undefined {
  if (claim.resourceClaimName !== undefined) return claim.resourceClaimName;
  const known = pod.status?.resourceClaimStatuses?.find(({ name }) => name === claim.name);
  if (known === undefined)
    throw new Error(
      `pod "${pod.metadata?.namespace}/${pod.metadata?.name}": resource claim ${claim.name} was not created yet`,
    );
  return known.resourceClaimName;
}

/** Why the pod may not have the claim; undefined: it may. */
export function whyNotFor(
  pod: Pod,
  claim: ResourceClaim,
  mustBeOwned: boolean,
): string | undefined {
  const { uid, name } = pod.metadata ?? {};
  if (mustBeOwned && controllerOf(claim)?.uid !== uid)
    return `ResourceClaim ${claim.metadata?.namespace}/${claim.metadata?.name} was not created for pod ${pod.metadata?.namespace}/${name} (pod is not owner)`;
  const isReserved = claim.status?.reservedFor?.some((user) => user.uid === uid);
  if (isReserved === true) return undefined;
  return `pod ${name} (${uid}) is not allowed to use ResourceClaim ${claim.metadata?.name} (${claim.metadata?.uid})`;
}

/** By name of the claim, which of its requests the container has; an empty name stands for all. */
export function containerRequests(pod: Pod, container: Container): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const add = (name: string | undefined, request: string): void => {
    if (name !== undefined) found.set(name, [...(found.get(name) ?? []), request]);
  };
  for (const claim of pod.spec?.resourceClaims ?? [])
    for (const wanted of container.resources?.claims ?? [])
      if (wanted.name === claim.name) add(claimName(pod, claim), wanted.request ?? '');
  const { resourceClaimName, requestMappings = [] } = pod.status?.extendedResourceClaimStatus ?? {};
  for (const mapping of requestMappings)
    if (mapping.containerName === container.name) add(resourceClaimName, mapping.requestName);
  return found;
}
