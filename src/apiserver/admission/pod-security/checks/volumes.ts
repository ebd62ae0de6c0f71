/**
 * Types of volumes that a restricted pod may name itself.
 *
 * Source: Kubernetes documentation, "Pod Security Standards": Volume Types.
 */
import type { Volume } from '#api/gen/core-v1.ts';
import { type Check, plural, quoted, sortedSet } from '../check.ts';
import { HOST_PATH_VOLUMES } from './host.ts';

const ALLOWED = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
] as const satisfies readonly (keyof Volume)[];

const RESTRICTED = [
  'hostPath',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'gitRepo',
  'nfs',
  'iscsi',
  'glusterfs',
  'rbd',
  'flexVolume',
  'cinder',
  'cephfs',
  'flocker',
  'fc',
  'azureFile',
  'vsphereVolume',
  'quobyte',
  'azureDisk',
  'photonPersistentDisk',
  'portworxVolume',
  'scaleIO',
  'storageos',
] as const satisfies readonly (keyof Volume)[];

export const RESTRICTED_VOLUMES: Check = {
  id: 'restrictedVolumes',
  level: 'restricted',
  versions: [
    {
      from: 0,
      overrides: [HOST_PATH_VOLUMES.id],
      look({ spec }) {
        const bad = (spec.volumes ?? []).filter((volume) =>
          ALLOWED.every((type) => volume[type] === undefined),
        );
        if (bad.length === 0) return undefined;
        const types = sortedSet(
          bad.map((volume) => RESTRICTED.find((type) => volume[type] !== undefined) ?? 'unknown'),
        );
        return {
          reason: 'restricted volume types',
          detail: `${plural('volume', 'volumes', bad.length)} ${quoted(bad.map(({ name }) => name))} ${plural('uses', 'use', bad.length)} ${plural('restricted volume type', 'restricted volume types', types.length)} ${quoted(types)}`,
        };
      },
    },
  ],
};
