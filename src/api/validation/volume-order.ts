/**
 * Volume sources in the order in which upstream looks at them: the first counts, and the others are
 * one too many, by the names that upstream has for them in its messages.
 *
 * Source: upstream pkg/apis/core/validation/validation.go (validateVolumeSource,
 * ValidatePersistentVolumeSpec).
 */
const ORDER = [
  'emptyDir',
  'hostPath',
  'gitRepo',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'secret',
  'nfs',
  'iscsi',
  'glusterfs',
  'flocker',
  'persistentVolumeClaim',
  'rbd',
  'cinder',
  'cephfs',
  'quobyte',
  'downwardAPI',
  'fc',
  'flexVolume',
  'configMap',
  'azureFile',
  'vsphereVolume',
  'photonPersistentDisk',
  'portworxVolume',
  'azureDisk',
  'storageos',
  'projected',
  'scaleIO',
  'csi',
  'ephemeral',
  'image',
];
const PERSISTENT_ORDER = [
  'hostPath',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'glusterfs',
  'flocker',
  'nfs',
  'rbd',
  'quobyte',
  'cephfs',
  'iscsi',
  'cinder',
  'fc',
  'flexVolume',
  'azureFile',
  'vsphereVolume',
  'photonPersistentDisk',
  'portworxVolume',
  'azureDisk',
  'scaleIO',
  'local',
  'storageos',
  'csi',
];
/** How upstream writes some of them where there is one too many. */
const NAMES: Readonly<Record<string, string>> = { cephfs: 'cephFS', downwardAPI: 'downwarAPI' };
const PERSISTENT_NAMES: Readonly<Record<string, string>> = { cephfs: 'cephFS' };

/** The fields of `given` that are sources, as upstream would come to them. */
export function inOrder(given: readonly string[], isPersistent = false): string[] {
  const order = isPersistent ? PERSISTENT_ORDER : ORDER;
  return given.toSorted((left, right) => order.indexOf(left) - order.indexOf(right));
}

export function nameOfSurplus(field: string, isPersistent = false): string {
  return (isPersistent ? PERSISTENT_NAMES : NAMES)[field] ?? field;
}
