/** How messages name a pod. Upstream: pkg/kubelet/util/format/pod.go, v1.36. */
import type { Pod } from '#api/gen/core-v1.ts';

/** `name_namespace(uid)` */
export function podDescription(pod: Pod): string {
  const { name = '', namespace = '', uid = '' } = pod.metadata ?? {};
  return `${name}_${namespace}(${uid})`;
}
