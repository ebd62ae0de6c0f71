/**
 * Pods that use more local storage than they may. Pure.
 *
 * Source: Kubernetes documentation "Local ephemeral storage" v1.36. Upstream:
 * pkg/kubelet/eviction/eviction_manager.go (localStorageEviction), v1.36.
 */
import { quantityValue } from '#api/codec/quantity.ts';
import { podLimits } from '#api/core/resources.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { diskUse } from './rank.ts';
import type { PodUse } from './signals.ts';
import type { DiskLayout } from './thresholds.ts';

const RESOURCE = 'ephemeral-storage';

/** Whether the pod can be over a limit at all. */
export function hasStorageLimit(pod: Pod): boolean {
  const { volumes = [], containers = [], initContainers = [] } = pod.spec ?? {};
  return (
    [...initContainers, ...containers].some(
      ({ resources }) => RESOURCE in (resources?.limits ?? {}),
    ) || volumes.some(({ emptyDir }) => emptyDir?.sizeLimit !== undefined)
  );
}

/** Which limit the pod is over, in upstream's words; undefined: none. */
export function storageExcess(pod: Pod, use: PodUse, layout: DiskLayout): string | undefined {
  return volumeExcess(pod, use) ?? podExcess(pod, use) ?? containerExcess(pod, use, layout);
}

function volumeExcess({ spec }: Pod, { volumes }: PodUse): string | undefined {
  for (const { name, emptyDir } of spec?.volumes ?? []) {
    const limit = emptyDir?.sizeLimit ?? '0';
    const used = volumes.get(name)?.bytes ?? 0;
    if (quantityValue(limit) > 0 && used > quantityValue(limit))
      return `Usage of EmptyDir volume "${name}" exceeds the limit "${limit}". `;
  }
  return undefined;
}

function podExcess(pod: Pod, use: PodUse): string | undefined {
  const limit = podLimits(pod)[RESOURCE];
  const inMemory = (pod.spec?.volumes ?? []).filter(
    ({ emptyDir }) => emptyDir?.medium === 'Memory',
  );
  const ofMemory = inMemory.map(({ name }) => use.volumes.get(name)?.bytes ?? 0);
  const used = diskUse(use) - ofMemory.reduce((sum, bytes) => sum + bytes, 0);
  if (limit === undefined || used <= quantityValue(limit)) return undefined;
  return `Pod ephemeral local storage usage exceeds the total limit of containers ${limit}. `;
}

function containerExcess(pod: Pod, use: PodUse, layout: DiskLayout): string | undefined {
  for (const { name, rootfs, logs } of use.containers) {
    const limit = pod.spec?.containers.find((one) => one.name === name)?.resources?.limits?.[
      RESOURCE
    ];
    const used = logs.bytes + (layout.hasImageFs ? 0 : rootfs.bytes);
    const limitBytes = quantityValue(limit ?? '0');
    if (limitBytes > 0 && used > limitBytes)
      return `Container ${name} exceeded its local ephemeral storage limit "${limit}". `;
  }
  return undefined;
}
