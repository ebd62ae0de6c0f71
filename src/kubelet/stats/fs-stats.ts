/**
 * File systems, and what of them is used by volumes, logs and containers. Pure.
 *
 * Upstream: pkg/kubelet/stats/helper.go (calcEphemeralStorage), host_stats_provider.go, v1.36.
 */
import { timeText } from '#api/meta/time.ts';
import type { FileSystemRoom } from '#base/doors.ts';
import type { DiskUse } from './disk-usage.ts';
import type { DiskLook, PodExtras } from './looks.ts';
import type { ContainerSummary, FsStats } from './summary-types.ts';

/** The whole of a file system, with what somebody uses of it. */
export function fsStats({
  timeMs,
  room,
  usedBytes,
  inodesUsed,
}: {
  readonly timeMs: number;
  readonly room: FileSystemRoom;
  readonly usedBytes: number | undefined;
  readonly inodesUsed: number | undefined;
}): FsStats {
  return {
    time: timeText(timeMs),
    availableBytes: room.available,
    capacityBytes: room.capacity,
    ...(usedBytes === undefined ? {} : { usedBytes }),
    inodesFree: room.inodesFree,
    inodes: room.inodes,
    ...(inodesUsed === undefined ? {} : { inodesUsed }),
  };
}

/** Of the container's writable layer; nothing where the runtime does not say. */
export function rootfsStats(layer: DiskLook | undefined): { readonly rootfs?: FsStats } {
  return layer === undefined ? {} : { rootfs: fsStats(layer) };
}

export function logsStats(disk: DiskLook, files: readonly DiskUse[]): FsStats {
  return fsStats({ ...disk, ...sumOf(files) });
}

/** What counts against the pod's limit: layers, logs, the hosts file, termination messages, volumes on the node's disk. */
export function ephemeralStorage(
  disk: DiskLook,
  containers: readonly ContainerSummary[],
  extras: PodExtras | undefined,
): FsStats {
  const volumes = (extras?.volumes ?? []).filter(({ place }) => place.isEphemeralStorage);
  const uses = [
    ...containers.flatMap(({ rootfs, logs }) => [rootfs ?? {}, logs ?? {}]),
    ...volumes.map(({ use }) => use),
    ...(extras?.ownFiles ?? []),
  ];
  return fsStats({ ...disk, ...sumOf(uses) });
}

interface Use {
  readonly usedBytes?: number;
  readonly inodesUsed?: number;
}

/** Undefined where none of them says. */
function sumOf(uses: readonly Use[]) {
  const bytes = uses.flatMap(({ usedBytes }) => usedBytes ?? []);
  const inodes = uses.flatMap(({ inodesUsed }) => inodesUsed ?? []);
  return {
    usedBytes: bytes.length === 0 ? undefined : total(bytes),
    inodesUsed: inodes.length === 0 ? undefined : total(inodes),
  };
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
