/**
 * What controllers ask of a Pod, beyond `api/core/pod-helpers.ts`.
 *
 * Upstream: pkg/api/v1/pod/util.go and pkg/controller/controller_utils.go, v1.36.
 */
import { isPodTerminal, podCondition } from '#api/core/pod-helpers.ts';
import type { Pod, PodTemplateSpec } from '#api/gen/core-v1.ts';

/** Is being deleted and may still run. */
export function isPodTerminating(pod: Pod): boolean {
  return !isPodTerminal(pod) && pod.metadata?.deletionTimestamp !== undefined;
}

/**
 * Has ended, or is being deleted with no container that runs: its volumes are no longer needed.
 * Upstream: IsPodTerminated in pkg/volume/util/util.go.
 */
export function isPodTerminated(pod: Pod): boolean {
  if (isPodTerminal(pod)) return true;
  const {
    initContainerStatuses = [],
    containerStatuses = [],
    ephemeralContainerStatuses = [],
  } = pod.status ?? {};
  const all = [...initContainerStatuses, ...containerStatuses, ...ephemeralContainerStatuses];
  const stands = all.every(
    ({ state }) => state?.terminated !== undefined || state?.waiting !== undefined,
  );
  return pod.metadata?.deletionTimestamp !== undefined && stands;
}

/** Since when the Pod is ready (milliseconds), or undefined when it is not. */
export function readySinceMs(pod: Pod): number | undefined {
  const ready = podCondition(pod, 'Ready');
  if (ready?.status !== 'True' || ready.lastTransitionTime === undefined) return undefined;
  const sinceMs = Date.parse(ready.lastTransitionTime);
  return Number.isNaN(sinceMs) ? undefined : sinceMs;
}

/** How long until the first ready Pod that is not yet available will be; undefined: none. */
export function nextAvailabilityMs(
  pods: readonly Pod[],
  minReadySeconds: number,
  nowMs: number,
): number | undefined {
  if (minReadySeconds === 0) return undefined;
  let nextMs: number | undefined;
  for (const pod of pods) {
    const sinceMs = readySinceMs(pod);
    if (sinceMs === undefined) continue;
    const waitMs = sinceMs + minReadySeconds * 1000 - nowMs;
    if (waitMs > 0 && (nextMs === undefined || waitMs < nextMs)) nextMs = waitMs;
  }
  return nextMs;
}

/** The Pod that `template` describes, named after its owner by the server. */
export function podFromTemplate(
  template: PodTemplateSpec,
  owner: { readonly name: string; readonly namespace: string },
): Pod {
  const { labels = {}, annotations = {}, finalizers = [] } = template.metadata ?? {};
  return {
    metadata: {
      generateName: `${owner.name}-`,
      namespace: owner.namespace,
      labels: { ...labels },
      annotations: { ...annotations },
      ...(finalizers.length === 0 ? {} : { finalizers: [...finalizers] }),
    },
    spec: structuredClone(template.spec ?? { containers: [] }),
  };
}
