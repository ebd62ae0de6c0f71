/**
 * The claims of a pod: by the names that it gives, or that are told of claims made from templates.
 *
 * Source: upstream v1.36 staging/src/k8s.io/dynamic-resource-allocation/resourceclaim, and
 * pkg/scheduler/framework/plugins/dynamicresources/dynamicresources.go (foreachPodResourceClaim).
 */
import type { Pod, PodResourceClaim } from '#api/gen/core-v1.ts';
import type { ResourceClaim } from '#api/gen/resource-v1.ts';
import { controllerOf } from '#api/meta/object.ts';
import { claimText } from './requests.ts';

/** In the pod's order, or why it cannot have them yet. */
export function claimsOfPod(
  pod: Pod,
  find: (key: string) => ResourceClaim | undefined,
): readonly ResourceClaim[] | string {
  const claims: ResourceClaim[] = [];
  for (const each of pod.spec?.resourceClaims ?? []) {
    const found = claimOf(pod, each, find);
    if (typeof found === 'string') return found;
    if (found !== undefined) claims.push(found);
  }
  return claims;
}

/** Undefined: it was decided that none is needed. */
function claimOf(
  pod: Pod,
  each: PodResourceClaim,
  find: (key: string) => ResourceClaim | undefined,
): ResourceClaim | string | undefined {
  const { namespace = '' } = pod.metadata ?? {};
  const of = `pod ${JSON.stringify(podText(pod))}`;
  const known = pod.status?.resourceClaimStatuses?.find(({ name }) => name === each.name);
  const isOwn = each.resourceClaimName === undefined;
  if (isOwn && each.resourceClaimTemplateName === undefined)
    return `${of}, spec.resourceClaim ${JSON.stringify(each.name)}: none of the supported fields are set`;
  if (isOwn && known === undefined) return `${of}: ResourceClaim not created yet`;
  const name = each.resourceClaimName ?? known?.resourceClaimName;
  if (name === undefined) return undefined;
  const key = `${namespace}/${name}`;
  const claim = find(key);
  if (claim === undefined) return `could not find ResourceClaim ${JSON.stringify(key)}`;
  if (claim.metadata?.deletionTimestamp !== undefined)
    return `resourceclaim ${JSON.stringify(name)} is being deleted`;
  if (isOwn && controllerOf(claim)?.uid !== pod.metadata?.uid)
    return `ResourceClaim ${claimText(claim)} was not created for Pod ${podText(pod)} (Pod is not owner)`;
  return claim;
}

function podText({ metadata }: Pod): string {
  return `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`;
}

export function isReservedFor(pod: Pod, { status }: ResourceClaim): boolean {
  return (status?.reservedFor ?? []).some(({ uid }) => uid === pod.metadata?.uid);
}
