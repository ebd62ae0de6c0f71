/**
 * How large an emptyDir in memory may become.
 *
 * Source: KEP-1967. Upstream: pkg/volume/emptydir/empty_dir.go (calculateEmptyDirMemorySize),
 * v1.36: the smallest of its own limit and the pod's memory limit.
 */
import { quantityValue } from '#api/codec/quantity.ts';
import { isLimitedThroughout, podLimits } from '#api/core/resources.ts';
import type { Pod, Volume } from '#api/gen/core-v1.ts';

/** Bytes; 0 when nothing limits it. */
export function emptyDirSize(pod: Pod, volume: Volume): number {
  const own = quantityValue(volume.emptyDir?.sizeLimit ?? '0');
  const limited = isLimitedThroughout(pod, 'memory');
  const pods = limited ? quantityValue(podLimits(pod)['memory'] ?? '0') : 0;
  const known = [own, pods].filter((size) => size > 0);
  return known.length === 0 ? 0 : Math.min(...known);
}
