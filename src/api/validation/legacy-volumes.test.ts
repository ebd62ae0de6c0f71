/** Sources that are served by drivers alone: of pods, and of persistent volumes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fieldPath } from '../meta/field.ts';
import { validateLegacyVolume } from './legacy-volumes.ts';

const at = fieldPath('v');
const ofPod = (field: string, source: object): string[] =>
  validateLegacyVolume(field, source, { at }).map((error) => error.text());
const ofVolume = (field: string, source: object): string[] =>
  validateLegacyVolume(field, source, { at, isPersistent: true }).map((error) => error.text());

describe('a source of iSCSI', () => {
  const good = { targetPortal: 'a', iqn: 'iqn.2015-02.example.com:test', lun: 0 };
  it('has a name of one of three forms', () => {
    const names = ['iqn.2015-02.a:b', 'eui.0123456789abcdef', `naa.${'a'.repeat(32)}`];
    for (const iqn of names) assert.deepEqual(ofPod('iscsi', { ...good, iqn }), []);
    assert.deepEqual(ofPod('iscsi', { ...good, iqn: 'x' }), [
      'v.iscsi.iqn: Invalid value: "x": must be valid format starting with iqn, eui, or naa',
    ]);
    assert.deepEqual(ofVolume('iscsi', { ...good, initiatorName: 'iqn' }), [
      'v.iscsi.initiatorname: Invalid value: "iqn": must be valid format',
    ]);
  });
  it('needs a secret where it authenticates', () => {
    assert.deepEqual(ofPod('iscsi', { ...good, chapAuthSession: true }), [
      'v.iscsi.secretRef: Required value',
    ]);
  });
});

describe('other sources', () => {
  it('have what they need', () => {
    assert.deepEqual(ofPod('rbd', { monitors: [], image: '' }), [
      'v.rbd.monitors: Required value',
      'v.rbd.image: Required value',
    ]);
    assert.deepEqual(ofPod('gcePersistentDisk', { pdName: '', partition: 256 }), [
      'v.persistentDisk.pdName: Required value',
      'v.persistentDisk.partition: Invalid value: 256: must be between 1 and 255, inclusive',
    ]);
    assert.deepEqual(ofPod('fc', { targetWWNs: ['a'], wwids: ['b'] }), [
      'v.fc.targetWWNs: Invalid value: ["a"]: targetWWNs and wwids can not be specified simultaneously',
      'v.fc.lun: Required value: lun is required if targetWWNs is specified',
    ]);
    assert.deepEqual(ofPod('quobyte', { registry: 'a:1,b', volume: 'v' }), [
      'v.quobyte.registry: Invalid value: "a:1,b": must be a host:port pair or multiple pairs separated by commas',
    ]);
    assert.deepEqual(ofPod('flexVolume', { driver: 'a', options: { 'x.K8s.io/a': '1', a: '' } }), [
      'v.flexVolume.options[x.K8s.io/a]: Invalid value: "x.K8s.io/a": kubernetes.io and k8s.io namespaces are reserved',
    ]);
  });
  it('of Azure are at an address of their kind', () => {
    const disk = { diskName: 'a', diskURI: 'https://a' };
    assert.deepEqual(ofPod('azureDisk', { ...disk, kind: 'Shared' }), []);
    assert.match(
      ofPod('azureDisk', { ...disk, kind: 'Managed' })[0] ?? '',
      /^v\.azureDisk\.diskURI/,
    );
  });
  it('of persistent volumes say the namespace of their secret', () => {
    const source = { volumeID: 'a', secretRef: { name: 's' } };
    assert.deepEqual(ofPod('cinder', source), []);
    assert.deepEqual(ofVolume('cinder', source), ['v.cinder.secretRef.namespace: Required value']);
    assert.match(
      ofVolume('glusterfs', { endpoints: 'a', path: 'b', endpointsNamespace: '' })[0] ?? '',
      /endpointsNamespace: Invalid value: "": if the endpointnamespace is set/,
    );
  });
});
