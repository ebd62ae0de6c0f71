/**
 * What is done here with volumes, and what drivers outside do. Of the plug-ins of old, host paths
 * and NFS can be recycled; nothing is made or deleted here.
 *
 * Upstream: findProvisionablePlugin, findDeletablePlugin in
 * pkg/controller/volume/persistentvolume/pv_controller.go and the plug-ins' own words
 * (pkg/volume/plugins.go, pkg/volume/hostpath/host_path.go), v1.36.
 */
import { PROVISIONED_BY } from '#api/core/volume-binding.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/gen/core-v1.ts';
import type { StorageClass } from '#api/gen/storage-v1.ts';
import { driverOf } from '../shared/migrated-volumes.ts';

const IN_TREE = 'kubernetes.io/';
export const HOST_PATH = 'kubernetes.io/host-path';
const NFS = 'kubernetes.io/nfs';
/** As metrics call a plug-in that is not known. */
export const NO_PLUGIN = 'N/A';
const NOT_DELETABLE = 'no deletable volume plugin matched';
export const MIGRATED_TO = 'pv.kubernetes.io/migrated-to';

/** Who makes the volumes of a class, or why nobody does. */
export type Provisioner =
  | { readonly name: string; readonly problem?: never }
  /** Upstream names such a provisioner on the claim before it finds out. */
  | { readonly name?: string; readonly problem: string };

export function provisionerOf(
  storageClass: StorageClass,
  { spec }: PersistentVolumeClaim,
): Provisioner {
  const { provisioner } = storageClass;
  const driver = driverOf(provisioner);
  if (driver !== undefined) return { name: driver };
  if (!isInTree(provisioner)) return { name: provisioner };
  if (provisioner === NFS) return { problem: 'no provisionable volume plugin matched' };
  if (provisioner !== HOST_PATH)
    return { problem: `no volume plugin matched name: ${provisioner}` };
  if (spec?.dataSource !== undefined) {
    const only = 'Only CSI plugin can provision a claim with a datasource';
    return { problem: `plugin "${HOST_PATH}" is not a CSI plugin. ${only}` };
  }
  return { name: provisioner, problem: hostPathRefusal(storageClass) };
}

function hostPathRefusal({ metadata, mountOptions = [] }: StorageClass): string {
  if (mountOptions.length > 0) {
    const options = `StorageClass "${metadata?.name ?? ''}" has mount options [${mountOptions.join(' ')}]`;
    return `Mount options are not supported by the provisioner but ${options}`;
  }
  return `Failed to create provisioner: provisioning in volume plugin "${HOST_PATH}" is disabled`;
}

/** The plug-in of old that looks after a volume here; drivers' volumes have none. */
export function pluginOf({ spec }: PersistentVolume): string | undefined {
  if (spec?.hostPath !== undefined) return HOST_PATH;
  return spec?.nfs === undefined ? undefined : NFS;
}

/** Who deletes a volume; drivers are called as the class of the volume calls them. */
export function deleterOf(
  { metadata, spec }: PersistentVolume,
  storageClass: StorageClass | undefined,
): string {
  const madeBy = metadata?.annotations?.[PROVISIONED_BY] ?? '';
  const isMigrated = metadata?.annotations?.[MIGRATED_TO] !== undefined;
  const isDrivers = madeBy === '' ? isMigrated || spec?.csi !== undefined : !isInTree(madeBy);
  if (isDrivers) {
    if (storageClass === undefined) return NO_PLUGIN;
    return driverOf(storageClass.provisioner) ?? storageClass.provisioner;
  }
  const isHostPath = madeBy === '' ? spec?.hostPath !== undefined : madeBy === HOST_PATH;
  return isHostPath ? HOST_PATH : NO_PLUGIN;
}

/** Why a released volume that is to be deleted cannot be; undefined: its driver deletes it. */
export function deletionProblem(volume: PersistentVolume): string | undefined {
  const { metadata, spec } = volume;
  const madeBy = metadata?.annotations?.[PROVISIONED_BY] ?? '';
  if (madeBy !== '') {
    if (!isInTree(madeBy)) return undefined;
    if (madeBy === NFS) return NOT_DELETABLE;
    if (madeBy === HOST_PATH) return hostPathProblem(volume);
    return `no volume plugin matched name: ${madeBy}`;
  }
  if (metadata?.annotations?.[MIGRATED_TO] !== undefined || spec?.csi !== undefined)
    return undefined;
  if (spec?.hostPath !== undefined) return hostPathProblem(volume);
  const none = spec?.nfs === undefined ? 'no volume plugin matched' : NOT_DELETABLE;
  return `error getting deleter volume plugin for volume "${metadata?.name ?? ''}": ${none}`;
}

/** Directories below /tmp, which upstream's removes from its own machine, are not removed here. */
function hostPathProblem({ spec }: PersistentVolume): string {
  const path = spec?.hostPath?.path ?? '';
  if (/\/tmp\/.+/.test(path)) return NOT_DELETABLE;
  return `host_path deleter only supports /tmp/.+ but received provided ${path}`;
}

function isInTree(plugin: string): boolean {
  return plugin.startsWith(IN_TREE);
}
