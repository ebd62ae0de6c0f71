/**
 * What Pods are told of their volumes.
 *
 * Upstream: pkg/volume/util/operationexecutor/operation_executor.go and reportMultiAttachError in
 * pkg/controller/volume/attachdetach/reconciler/reconciler.go, v1.36.
 */
import type { Pod } from '#api/gen/core-v1.ts';
import type { AttachableVolume } from './pod-volumes.ts';

type Named = Pick<AttachableVolume, 'name'>;

/** The blank at the end is upstream's. */
export function attachSucceeded({ name }: Named): string {
  return `AttachVolume.Attach succeeded for volume "${name}" `;
}

export function attachFailed({ name }: Named, error: string): string {
  return `AttachVolume.Attach failed for volume "${name}" : ${error}`;
}

export function timedOut(
  { driver, volumeHandle }: Pick<AttachableVolume, 'driver' | 'volumeHandle'>,
  what: 'attach' | 'detach',
): string {
  // Who detaches does not look at the volume, and so does not know whose it is.
  const whose = what === 'attach' ? driver : 'unknown';
  return `timed out waiting for external-attacher of ${whose} CSI driver to ${what} volume ${volumeHandle}`;
}

/** Why a Pod's node does not get the volume; Pods of other namespaces are not named. */
export function multiAttachError({ name }: Named, pod: Pod, users: readonly Pod[]): string {
  const text = (why: string): string => `Multi-Attach error for volume "${name}" ${why}`;
  if (users.length === 0) {
    const exclusive = 'Volume is already exclusively attached to one node';
    return text(`${exclusive} and can't be attached to another`);
  }
  const near = users.filter(({ metadata }) => metadata?.namespace === pod.metadata?.namespace);
  const far = users.length - near.length;
  const elsewhere = `${far} pod(s) in different namespaces`;
  if (near.length === 0) return text(`Volume is already used by ${elsewhere}`);
  const names = near.map(({ metadata }) => metadata?.name ?? '').join(', ');
  const used = `Volume is already used by pod(s) ${names}`;
  return text(far === 0 ? used : `${used} and ${elsewhere}`);
}
