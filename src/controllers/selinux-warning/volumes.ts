/**
 * Which of a Pod's volumes may be mounted with a label, and what each of them really is: volumes of
 * the same name here are one thing that is mounted.
 *
 * Upstream: CreateVolumeSpec of pkg/controller/volume/attachdetach/util, and GetVolumeName and
 * SupportsSELinuxContextMount of pkg/volume/{csi,fc,iscsi}, v1.36. Volumes of the other plug-ins have
 * no label, so they never conflict. Volumes of drivers that were part of Kubernetes once are not
 * looked at as those of the drivers that have taken over.
 */
import { claimsOf, foreignClaim } from '#api/core/pod-claims.ts';
import type {
  FCVolumeSource,
  ISCSIVolumeSource,
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeSpec,
  Pod,
  Volume,
} from '#api/gen/core-v1.ts';
import type { CSIDriver } from '#api/gen/storage-v1.ts';
import { uniqueVolumeName } from '#api/storage/attachment-names.ts';

export interface LabelledVolume {
  /** `kubernetes.io/csi/driver^handle` */
  readonly name: string;
  /** Of a CSI driver; else undefined. */
  readonly driver: string | undefined;
  /** Whether it is mounted with a label; of a CSI driver its CSIDriver says so. */
  readonly takesLabel: boolean;
}

export interface VolumeLookups {
  readonly claim: (key: string) => PersistentVolumeClaim | undefined;
  readonly volume: (name: string) => PersistentVolume | undefined;
  readonly driver: (name: string) => CSIDriver | undefined;
}

/** Undefined: it is not bound yet, or never mounted with a label. */
export function labelledVolume(
  pod: Pod,
  volume: Volume,
  lookups: VolumeLookups,
): LabelledVolume | undefined {
  const alone = { ...pod, spec: { ...pod.spec, containers: [], volumes: [volume] } };
  const [claimed] = claimsOf(alone);
  if (claimed === undefined) return ofPlugin(volume);
  const claim = lookups.claim(claimed.key);
  const name = claim?.spec?.volumeName ?? '';
  if (claim?.status?.phase !== 'Bound' || name === '') return undefined;
  if (claimed.isEphemeral && foreignClaim(pod, claim) !== undefined) return undefined;
  const spec = lookups.volume(name)?.spec;
  if (spec?.claimRef === undefined || spec.claimRef.uid !== claim.metadata?.uid) return undefined;
  return spec.csi === undefined ? ofPlugin(spec) : ofDriver(spec.csi, lookups);
}

function ofDriver(
  csi: NonNullable<PersistentVolumeSpec['csi']>,
  { driver: driverOf }: VolumeLookups,
): LabelledVolume {
  const takesLabel = driverOf(csi.driver)?.spec?.seLinuxMount === true;
  return { name: uniqueVolumeName(csi), driver: csi.driver, takesLabel };
}

interface Sources {
  readonly fc?: FCVolumeSource;
  readonly iscsi?: Pick<ISCSIVolumeSource, 'targetPortal' | 'iqn' | 'lun'>;
}

function ofPlugin({ fc, iscsi }: Sources): LabelledVolume | undefined {
  const name = iscsi === undefined ? fc && fibreName(fc) : targetName(iscsi);
  return name === undefined ? undefined : { name, driver: undefined, takesLabel: true };
}

function targetName({ targetPortal, iqn, lun }: NonNullable<Sources['iscsi']>): string {
  return `kubernetes.io/iscsi/${targetPortal}:${iqn}:${lun}`;
}

function fibreName({ targetWWNs = [], lun, wwids = [] }: FCVolumeSource): string | undefined {
  if (targetWWNs.length > 0 && lun !== undefined)
    return `kubernetes.io/fc/${targetWWNs.join()}:${lun}`;
  return wwids.length === 0 ? undefined : `kubernetes.io/fc/${wwids.join()}`;
}
