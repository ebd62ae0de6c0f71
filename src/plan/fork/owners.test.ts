/** To which workload something belongs. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { KubeObject } from '#api/meta/object.ts';
import { Owners, workloadText } from './owners.ts';

function owned(uid: string, kind: string, by?: [uid: string, kind: string]): KubeObject {
  const [ownerUid = '', ownerKind = ''] = by ?? [];
  const owner = { apiVersion: 'apps/v1', kind: ownerKind, name: ownerUid, uid: ownerUid };
  const ownerReferences = by === undefined ? [] : [{ ...owner, controller: true }];
  return { kind, metadata: { namespace: 'shop', name: uid, uid, ownerReferences } };
}

it('the topmost controller is whose a pod is, also when it is gone or was never seen', () => {
  const owners = new Owners();
  owners.see(owned('web', 'Deployment'));
  owners.see(owned('web-1', 'ReplicaSet', ['web', 'Deployment']));
  const top = (object: KubeObject): string => {
    const found = owners.topOf(object);
    return found === undefined ? '' : workloadText(found);
  };
  assert.equal(top(owned('a', 'Pod', ['web-1', 'ReplicaSet'])), 'Deployment shop/web');
  assert.equal(top(owned('b', 'Pod', ['db', 'StatefulSet'])), 'StatefulSet shop/db');
  assert.equal(top(owned('c', 'Pod')), '');
  const other = owned('d', 'Pod', ['web', 'Deployment']);
  const notController = other.metadata?.ownerReferences?.map((each) => ({
    ...each,
    controller: false,
  }));
  assert.equal(top({ metadata: { ownerReferences: notController ?? [] } }), '');
});

it('owners in a circle have an end', () => {
  const owners = new Owners();
  owners.see(owned('a', 'A', ['b', 'B']));
  owners.see(owned('b', 'B', ['a', 'A']));
  assert.notEqual(owners.topOf(owned('pod', 'Pod', ['a', 'A'])), undefined);
});
