import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { markSent, noteSentEmpty } from '../meta/json.ts';
import { goForm } from './go-form.ts';

const CORE = 'io.k8s.api.core.v1.';
const text = (type: string, value: object): string => JSON.stringify(goForm(type, value));

describe('a value as Go writes it of an internal type', () => {
  const cases: readonly (readonly [type: string, value: object, text: string])[] = [
    // Names of Go, nothing left out, in the order of the struct.
    [
      `${CORE}PodResourceClaim`,
      { resourceClaimName: 'a', name: 'b' },
      '{"Name":"b","ResourceClaimName":"a","ResourceClaimTemplateName":null}',
    ],
    // Structs that are no pointers are there, pointers are null.
    [
      'io.k8s.api.storage.v1.VolumeAttachmentSpec',
      {},
      '{"Attacher":"","Source":{"PersistentVolumeName":null,"InlineVolumeSpec":null},"NodeName":""}',
    ],
    ['io.k8s.api.rbac.v1.RoleRef', { name: 'x' }, '{"APIGroup":"","Kind":"","Name":"x"}'],
    // A pointer of the wire that is a value inside.
    [
      'io.k8s.api.apps.v1.RollingUpdateStatefulSetStrategy',
      {},
      '{"Partition":0,"MaxUnavailable":null}',
    ],
    // Types of apimachinery keep their names on the wire; maps are sorted.
    [
      'io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector',
      { matchExpressions: [{ operator: 'In', key: '' }], matchLabels: { b: '1', a: '2' } },
      '{"matchLabels":{"a":"2","b":"1"},"matchExpressions":[{"key":"","operator":"In"}]}',
    ],
  ];
  for (const [type, value, expected] of cases) {
    it(type, () => {
      assert.equal(text(type, value), expected);
    });
  }

  it('metadata stands flat in what has some, and kind and version do not', () => {
    const template = {
      metadata: { labels: { a: 'b' } },
      spec: { hostNetwork: true, containers: [] },
    };
    const form = goForm(`${CORE}PodTemplateSpec`, template) as {
      labels: object;
      Spec: { SecurityContext: object; HostNetwork?: boolean };
    };
    assert.deepEqual(form.labels, { a: 'b' });
    // What a pod shares with its node is part of its security there.
    assert.equal(Object.keys(form.Spec.SecurityContext)[0], 'HostNetwork');
    assert.equal(form.Spec.HostNetwork, undefined);
    assert.ok(!('Kind' in (goForm(`${CORE}Pod`, {}) as object)));
  });

  it('volumes are in the order of the internal type', () => {
    const names = Object.keys(goForm(`${CORE}Volume`, { name: 'v' }) as object);
    assert.deepEqual(names.slice(0, 4), ['Name', 'HostPath', 'EmptyDir', 'GCEPersistentDisk']);
  });

  it('a list that nobody sent is null, and one that was sent empty is not', () => {
    assert.match(text(`${CORE}NodeSelector`, { nodeSelectorTerms: [] }), /null/);
    assert.match(text(`${CORE}NodeSelector`, { nodeSelectorTerms: markSent([]) }), /\[\]/);
    const container = { name: 'a' };
    noteSentEmpty(container, 'command');
    assert.match(text(`${CORE}Container`, container), /"Command":\[\],"Args":null/);
  });
});
