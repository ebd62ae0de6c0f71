/**
 * In which order pods are evicted. Pure.
 *
 *   memory, disk: uses more than it asked for ─▶ lower priority ─▶ more above what it asked for
 *   pids:         lower priority ─▶ more processes
 *
 * A pod that could not be observed comes before those that could. Source: Kubernetes documentation
 * "Node-pressure Eviction" v1.36. Upstream: pkg/kubelet/eviction/helpers.go (rank...), v1.36.
 */
import { quantityValue } from '#api/codec/quantity.ts';
import { podRequests } from '#api/core/resources.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { type Observations, type PodUse, type Signal, SIGNALS } from './signals.ts';
import type { DiskLayout } from './thresholds.ts';

/** Parts of a pod's use of disks. */
type DiskPart = 'rootfs' | 'logs' | 'volumes';

const ALL_PARTS: readonly DiskPart[] = ['rootfs', 'logs', 'volumes'];

/** Which parts of what pods use lie on the file system of the signal. */
function partsOn(signal: Signal, { hasImageFs, hasContainerFs }: DiskLayout): readonly DiskPart[] {
  if (!hasImageFs) return ALL_PARTS;
  const isOfImages = signal.startsWith('imagefs.');
  if (hasContainerFs) return isOfImages ? [] : ALL_PARTS;
  return isOfImages || signal.startsWith('containerfs.') ? ['rootfs'] : ['logs', 'volumes'];
}

/** The first is evicted first. */
export function rankedForEviction(
  pods: readonly Pod[],
  signal: Signal,
  observations: Observations,
): Pod[] {
  const scored = pods.map((pod) => {
    const use = observations.pods.get(pod.metadata?.uid ?? '');
    const used = use === undefined ? undefined : usedBy(use, signal, observations);
    return { pod, used, requested: requestedBy(pod, signal), priority: pod.spec?.priority ?? 0 };
  });
  type Scored = (typeof scored)[number];
  const byUse = (a: Scored, b: Scored): number =>
    a.used === undefined || b.used === undefined
      ? Number(b.used === undefined) - Number(a.used === undefined)
      : b.used - b.requested - (a.used - a.requested);
  const exceeds = ({ used, requested }: Scored): number =>
    used === undefined ? 2 : used > requested ? 1 : 0;
  const byExcess = (a: Scored, b: Scored): number => exceeds(b) - exceeds(a);
  const byPriority = (a: Scored, b: Scored): number => a.priority - b.priority;
  const isOfPids = SIGNALS[signal].resource === 'pids';
  return scored
    .toSorted((a, b) => (isOfPids ? 0 : byExcess(a, b)) || byPriority(a, b) || byUse(a, b))
    .map(({ pod }) => pod);
}

function usedBy(use: PodUse, signal: Signal, layout: DiskLayout): number {
  switch (SIGNALS[signal].resource) {
    case 'memory':
      return sum(use.containers.map(({ memoryBytes }) => memoryBytes));
    case 'pids':
      return use.processes;
    case 'inodes':
      return diskUse(use, partsOn(signal, layout), 'inodes');
    case 'ephemeral-storage':
      return diskUse(use, partsOn(signal, layout), 'bytes');
  }
}

/** What the pod has on disks, all of it or some parts. */
export function diskUse(
  { containers, volumes }: PodUse,
  parts: readonly DiskPart[] = ALL_PARTS,
  unit: 'bytes' | 'inodes' = 'bytes',
): number {
  const ofContainers = containers.flatMap(({ rootfs, logs }) => [
    parts.includes('rootfs') ? rootfs[unit] : 0,
    parts.includes('logs') ? logs[unit] : 0,
  ]);
  const ofVolumes = parts.includes('volumes') ? [...volumes.values()].map((one) => one[unit]) : [];
  return sum([...ofContainers, ...ofVolumes]);
}

/** Nobody asks for inodes or process ids. */
function requestedBy(pod: Pod, signal: Signal): number {
  return quantityValue(podRequests(pod)[SIGNALS[signal].resource] ?? '0');
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
