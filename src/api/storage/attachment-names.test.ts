/** How attachments and volumes of CSI drivers are called. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { attachmentName, csiVolumeOf, uniqueVolumeName } from './attachment-names.ts';

const VOLUME = { driver: 'csi.example.com', volumeHandle: 'disk-1' };

describe('names of CSI volumes', () => {
  it('say driver and handle, and can be read back', () => {
    const name = uniqueVolumeName(VOLUME);
    assert.equal(name, 'kubernetes.io/csi/csi.example.com^disk-1');
    assert.deepEqual(csiVolumeOf(name), VOLUME);
  });
  it('of other volumes are not read', () => {
    assert.equal(csiVolumeOf('kubernetes.io/iscsi/target:lun'), undefined);
    assert.equal(csiVolumeOf('kubernetes.io/csi/nothing'), undefined);
    assert.equal(csiVolumeOf('kubernetes.io/csi/a^b^c'), undefined);
  });
  it('of attachments are the sha256 of handle, driver and node', () => {
    // printf 'disk-1csi.example.comnode-1' | sha256sum
    assert.equal(
      attachmentName(VOLUME, 'node-1'),
      'csi-61b1af19136454b369a7b415c5b90e9cabbebc6ee002ae5ad3a55cdc9a28b86c',
    );
  });
});
