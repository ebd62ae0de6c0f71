/**
 * Volumes whose drivers were part of Kubernetes once: what they were called, and the drivers that
 * have taken over.
 *
 * Source: upstream v1.36 staging/src/k8s.io/csi-translation-lib/plugins.
 */
import type { PersistentVolumeSpec } from '#api/gen/core-v1.ts';

interface Migrated {
  /** The member of a volume's spec. */
  readonly source: keyof PersistentVolumeSpec;
  /** `kubernetes.io/gce-pd` */
  readonly plugin: string;
  readonly driver: string;
}

const MIGRATED: readonly Migrated[] = [
  { source: 'awsElasticBlockStore', plugin: 'kubernetes.io/aws-ebs', driver: 'ebs.csi.aws.com' },
  { source: 'azureDisk', plugin: 'kubernetes.io/azure-disk', driver: 'disk.csi.azure.com' },
  { source: 'azureFile', plugin: 'kubernetes.io/azure-file', driver: 'file.csi.azure.com' },
  { source: 'cinder', plugin: 'kubernetes.io/cinder', driver: 'cinder.csi.openstack.org' },
  { source: 'gcePersistentDisk', plugin: 'kubernetes.io/gce-pd', driver: 'pd.csi.storage.gke.io' },
  {
    source: 'portworxVolume',
    plugin: 'kubernetes.io/portworx-volume',
    driver: 'pxd.portworx.com',
  },
  {
    source: 'vsphereVolume',
    plugin: 'kubernetes.io/vsphere-volume',
    driver: 'csi.vsphere.vmware.com',
  },
];

export function migratedSource(spec: PersistentVolumeSpec | undefined): Migrated | undefined {
  return MIGRATED.find(({ source }) => spec?.[source] !== undefined);
}

/** Who does today what this plug-in did; undefined: nobody took over. */
export function driverOf(plugin: string): string | undefined {
  return MIGRATED.find((each) => each.plugin === plugin)?.driver;
}
