/**
 * The claims of a Pod: under which names they are known, whether it needs them still, and what is
 * made from a template.
 *
 * Upstream: staging/src/k8s.io/dynamic-resource-allocation/resourceclaim, and
 * pkg/controller/resourceclaim/controller.go, v1.36.
 */
import { isPodTerminal } from '#api/core/pod-helpers.ts';
import { POD } from '#api/core/pod.ts';
import type { Pod, PodResourceClaim } from '#api/gen/core-v1.ts';
import type { ResourceClaim, ResourceClaimTemplate } from '#api/gen/resource-v1.ts';
import { controllerOf } from '#api/meta/object.ts';
import { controllerReference } from '#reconcile/claim.ts';

/** For which of its Pod's claims a claim was made. */
export const POD_CLAIM = 'resource.kubernetes.io/pod-claim-name';
/** Space for a hyphen and five random characters in a name of 63. */
const GENERATE_NAME_MAX = 57;
const CONSUMERS_MAX = 256;

/** `missing`: none was made yet; `none`: it was decided that none is needed. */
export type ClaimName = { readonly name: string } | 'missing' | 'none';

export function claimNameOf(pod: Pod, claim: PodResourceClaim): ClaimName {
  if (claim.resourceClaimName !== undefined) return { name: claim.resourceClaimName };
  const known = pod.status?.resourceClaimStatuses?.find(({ name }) => name === claim.name);
  if (known === undefined) return 'missing';
  return known.resourceClaimName === undefined ? 'none' : { name: known.resourceClaimName };
}

/** The names of all its claims that are known, that for its extended resources too. */
export function claimNames(pod: Pod): string[] {
  const names = (pod.spec?.resourceClaims ?? []).flatMap((claim) => {
    const found = claimNameOf(pod, claim);
    return typeof found === 'string' ? [] : [found.name];
  });
  const extended = pod.status?.extendedResourceClaimStatus?.resourceClaimName;
  return extended === undefined ? names : [...names, extended];
}

/** Will not run any more, or never will. */
export function isPodDone(pod: Pod): boolean {
  if (isPodTerminal(pod)) return true;
  return pod.metadata?.deletionTimestamp !== undefined && (pod.spec?.nodeName ?? '') === '';
}

export function isFor(pod: Pod, claim: ResourceClaim): boolean {
  return controllerOf(claim)?.uid === pod.metadata?.uid;
}

/** Whether the claim is allocated, has room, and is not reserved for the Pod. */
export function isToReserve(pod: Pod, { status }: ResourceClaim): boolean {
  const consumers = status?.reservedFor ?? [];
  if (status?.allocation === undefined || consumers.length >= CONSUMERS_MAX) return false;
  return !consumers.some(({ uid }) => uid === pod.metadata?.uid);
}

/** The claim that `template` describes, for the Pod's claim of this name. */
export function claimFrom(
  { spec: template }: ResourceClaimTemplate,
  pod: Pod,
  name: string,
): ResourceClaim {
  const { labels, annotations } = template?.metadata ?? {};
  // A claim does not hold its Pod back when that one is deleted.
  const { blockOwnerDeletion: _, ...owner } = controllerReference(POD, pod);
  return {
    metadata: {
      generateName: generateNameOf(pod.metadata?.name ?? '', name),
      ...(pod.metadata?.namespace === undefined ? {} : { namespace: pod.metadata.namespace }),
      ownerReferences: [owner],
      annotations: { ...annotations, [POD_CLAIM]: name },
      ...(labels === undefined ? {} : { labels }),
    },
    ...(template === undefined ? {} : { spec: template.spec }),
  };
}

/** Of names that are too long together both keep their share: the end says which claim it is. */
function generateNameOf(pod: string, claim: string): string {
  const whole = `${pod}-${claim}-`;
  if (whole.length <= GENERATE_NAME_MAX) return whole;
  const share = (name: string): string =>
    name.slice(0, Math.floor((name.length * GENERATE_NAME_MAX) / whole.length));
  return `${share(pod)}-${share(claim)}`;
}
