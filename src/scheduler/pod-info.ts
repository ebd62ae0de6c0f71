/** A pod as the scheduler sees it: parsed once, kept while nothing that counts has changed. */
import { hostPorts } from '#api/core/host-ports.ts';
import { equalJson } from '#api/meta/equal.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { affinityTermsOf } from './affinity-terms.ts';
import type { PodInfo } from './framework.ts';
import { nonZeroRequests, requestsOf } from './resources.ts';

const NO_LABELS: Readonly<Record<string, string>> = Object.freeze({});

export function podKey(pod: Pod): string {
  return `${pod.metadata?.namespace ?? ''}/${pod.metadata?.name ?? ''}`;
}

export function podInfo(pod: Pod): PodInfo {
  return {
    key: podKey(pod),
    uid: pod.metadata?.uid ?? '',
    namespace: pod.metadata?.namespace ?? '',
    labels: pod.metadata?.labels ?? NO_LABELS,
    priority: pod.spec?.priority ?? 0,
    pod,
    requests: requestsOf(pod),
    nonZeroRequests: nonZeroRequests(pod),
    ports: hostPorts(pod),
    terms: affinityTermsOf(pod),
  };
}

/**
 * `pod` as a PodInfo, taking over from `known` what cannot have changed: a pod's status is written
 * many times, its spec hardly ever.
 */
export function nextPodInfo(known: PodInfo | undefined, pod: Pod): PodInfo {
  return known !== undefined && countsTheSame(known, pod) ? { ...known, pod } : podInfo(pod);
}

/** Whether a newer version of the pod counts the same everywhere. */
export function countsTheSame({ pod: old, uid, labels }: PodInfo, pod: Pod): boolean {
  return (
    uid === (pod.metadata?.uid ?? '') &&
    equalJson(labels, pod.metadata?.labels ?? NO_LABELS) &&
    isDeleting(old) === isDeleting(pod) &&
    sameSpec(old, pod) &&
    equalJson(resizeOf(old), resizeOf(pod))
  );
}

/** A pod's generation counts the changes of its spec; the binding is none. */
function sameSpec(old: Pod, pod: Pod): boolean {
  const generation = old.metadata?.generation;
  if (generation !== undefined && generation === pod.metadata?.generation) return true;
  const { nodeName: _, ...before } = old.spec ?? {};
  const { nodeName: __, ...after } = pod.spec ?? {};
  return equalJson(before, after);
}

function isDeleting(pod: Pod): boolean {
  return pod.metadata?.deletionTimestamp !== undefined;
}

/** What of the status changes how much the pod takes (KEP-1287). */
function resizeOf({ status }: Pod): unknown {
  const part = (
    list: NonNullable<Pod['status']>['containerStatuses'],
  ): readonly unknown[] | undefined =>
    list?.map(({ name, resources, allocatedResources }) =>
      resources === undefined && allocatedResources === undefined
        ? undefined
        : { name, resources, allocatedResources },
    );
  if (status?.containerStatuses === undefined && status?.resources === undefined) return undefined;
  const pending = status.conditions?.find(({ type }) => type === 'PodResizePending')?.reason;
  const parts = [
    ...(part(status.containerStatuses) ?? []),
    ...(part(status.initContainerStatuses) ?? []),
  ].filter((each) => each !== undefined);
  if (parts.length === 0 && status.resources === undefined) return undefined;
  return { pending, parts, whole: status.resources, allocated: status.allocatedResources };
}
