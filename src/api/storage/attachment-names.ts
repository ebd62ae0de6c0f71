/**
 * How volumes of CSI drivers are called where nodes and attachments speak of them.
 *
 * Source: upstream v1.36 pkg/volume/csi/csi_attacher.go (getAttachmentName), csi_plugin.go
 * (GetVolumeName), pkg/volume/util/util.go (GetUniqueVolumeName).
 */
import { createHash } from 'node:crypto';
import type { CSIPersistentVolumeSource } from '#api/gen/core-v1.ts';

const PREFIX = 'kubernetes.io/csi/';
const SEPARATOR = '^';

export type CsiVolume = Pick<CSIPersistentVolumeSource, 'driver' | 'volumeHandle'>;

/** `kubernetes.io/csi/csi.example.com^handle`, as in a node's `volumesInUse`. */
export function uniqueVolumeName({ driver, volumeHandle }: CsiVolume): string {
  return `${PREFIX}${driver}${SEPARATOR}${volumeHandle}`;
}

/** The way back; undefined: it is not a volume of a CSI driver. */
export function csiVolumeOf(uniqueName: string): CsiVolume | undefined {
  if (!uniqueName.startsWith(PREFIX)) return undefined;
  const [driver = '', volumeHandle, ...rest] = uniqueName.slice(PREFIX.length).split(SEPARATOR);
  return volumeHandle === undefined || rest.length > 0 ? undefined : { driver, volumeHandle };
}

/** The name of the VolumeAttachment of a volume on a node. */
export function attachmentName({ driver, volumeHandle }: CsiVolume, node: string): string {
  const hash = createHash('sha256').update(`${volumeHandle}${driver}${node}`).digest('hex');
  return `csi-${hash}`;
}
