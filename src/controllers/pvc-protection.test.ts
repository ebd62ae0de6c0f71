/** Which claims a change of a Pod has looked at. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '#api/gen/core-v1.ts';
import { pod } from '#kit/builders.ts';
import { claimsOfPod } from './pvc-protection.ts';

function user(uid: string, claimName: string): Pod {
  const made = pod('web');
  made.metadata!.uid = uid;
  made.spec!.volumes = [
    { name: 'data', persistentVolumeClaim: { claimName } },
    { name: 'scratch', ephemeral: {} },
    { name: 'other', emptyDir: {} },
  ];
  return made;
}

describe('a Pod', () => {
  it('wakes its claims, those of its own too', () => {
    const object = user('1', 'data');
    assert.deepEqual(claimsOfPod({ type: 'added', key: 'default/web', object }), [
      'default/data',
      'default/web-scratch',
    ]);
  });

  it('that is another one under the same name wakes those of the one before', () => {
    const change = { type: 'modified', key: 'default/web', object: user('2', 'new') } as const;
    assert.deepEqual(claimsOfPod({ ...change, previous: user('1', 'old') }), [
      'default/new',
      'default/web-scratch',
      'default/old',
      'default/web-scratch',
    ]);
    assert.deepEqual(claimsOfPod({ ...change, previous: user('2', 'new') }).length, 2);
  });
});
