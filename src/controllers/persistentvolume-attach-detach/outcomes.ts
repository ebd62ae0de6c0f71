/**
 * What a driver says of an attachment that was asked for, or taken back.
 *
 * Upstream: verifyAttachmentStatus and verifyDetachmentStatus in pkg/volume/csi/csi_attacher.go,
 * v1.36.
 */
import type { VolumeAttachment } from '#api/gen/storage-v1.ts';

interface Outcome {
  readonly isDone: boolean;
  readonly error?: string;
}

/** One that is not in the cache yet will come. */
export function attachOutcome(attachment: VolumeAttachment | undefined): Outcome {
  if (attachment === undefined) return { isDone: false };
  if (attachment.metadata?.deletionTimestamp !== undefined)
    return { isDone: false, error: 'volume attachment is being deleted' };
  if (attachment.status?.attached === true) return { isDone: true };
  return failureOf(attachment.status?.attachError);
}

export function detachOutcome(attachment: VolumeAttachment | undefined): Outcome {
  return attachment === undefined ? { isDone: true } : failureOf(attachment.status?.detachError);
}

function failureOf(error: { readonly message?: string } | undefined): Outcome {
  return error === undefined ? { isDone: false } : { isDone: false, error: error.message ?? '' };
}
