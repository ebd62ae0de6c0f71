/** Who deletes a volume, as metrics call it, by a table. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PersistentVolumeSpec } from '#api/gen/core-v1.ts';
import { deleterOf } from './plugins.ts';

describe('the deleter of a volume', () => {
  const hostPath = { hostPath: { path: '/d' } };
  const csi = { csi: { driver: 'csi.example.com', volumeHandle: 'h' } };
  const by = (name: string) => ({ 'pv.kubernetes.io/provisioned-by': name });
  const EXTERNAL = 'example.com/class';
  const rows: readonly (readonly [
    claim: string,
    spec: PersistentVolumeSpec,
    annotations: Record<string, string>,
    provisioner: string | undefined,
    expected: string,
  ])[] = [
    ['is the class of what a driver made', {}, by('a-b-c'), EXTERNAL, EXTERNAL],
    ['is the class of a volume of a CSI driver', csi, {}, EXTERNAL, EXTERNAL],
    [
      'is the driver that has taken over from the class',
      csi,
      {},
      'kubernetes.io/aws-ebs',
      'ebs.csi.aws.com',
    ],
    ['is not known without the class', csi, {}, undefined, 'N/A'],
    ['is the plug-in of host paths', hostPath, {}, EXTERNAL, 'kubernetes.io/host-path'],
    [
      'is the plug-in that made it',
      {},
      by('kubernetes.io/host-path'),
      undefined,
      'kubernetes.io/host-path',
    ],
    ['is nobody for NFS', { nfs: { server: 's', path: '/' } }, {}, EXTERNAL, 'N/A'],
    [
      'is nobody when a plug-in made it that has gone',
      csi,
      by('kubernetes.io/rbd'),
      EXTERNAL,
      'N/A',
    ],
  ];
  for (const [claim, spec, annotations, provisioner, expected] of rows)
    it(claim, () => {
      const storageClass = provisioner === undefined ? undefined : { provisioner };
      assert.equal(deleterOf({ metadata: { annotations }, spec }, storageClass), expected);
    });
});
