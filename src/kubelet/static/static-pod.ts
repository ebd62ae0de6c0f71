/**
 * Which pods come from files, and what the kubelet writes on them.
 *
 * Source: Kubernetes documentation "Create static Pods" v1.36; "Well-Known Labels, Annotations and
 * Taints". Upstream: pkg/kubelet/types/pod_update.go, v1.36.
 */
import { MIRROR_POD_ANNOTATION } from '#api/core/pod-references.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { keyOf } from '#client/informer.ts';

export const CONFIG_SOURCE = 'kubernetes.io/config.source';
export const CONFIG_HASH = 'kubernetes.io/config.hash';
export const CONFIG_SEEN = 'kubernetes.io/config.seen';

export const FILE_SOURCE = 'file';
const API_SOURCE = 'api';

/** The pod comes from a file of this node. Of pods of the API: only after `fromApi`. */
export function isStaticPod(pod: Pod): boolean {
  return pod.metadata?.annotations?.[CONFIG_SOURCE] === FILE_SOURCE;
}

/** A pod of the API, which may say what it likes of where it comes from. */
export function fromApi(pod: Pod): Pod {
  const { annotations } = pod.metadata ?? {};
  if (annotations?.[CONFIG_SOURCE] === undefined) return pod;
  const metadata = {
    ...pod.metadata,
    annotations: { ...annotations, [CONFIG_SOURCE]: API_SOURCE },
  };
  return { ...pod, metadata };
}

/** Whether `mirror` shows this static pod, as its file is now. */
export function isMirrorOf(mirror: Pod, pod: Pod): boolean {
  const shown = mirror.metadata?.annotations?.[MIRROR_POD_ANNOTATION];
  return keyOf(mirror) === keyOf(pod) && shown === pod.metadata?.annotations?.[CONFIG_HASH];
}
