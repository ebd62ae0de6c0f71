/** What Pods are told of their volumes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '#api/gen/core-v1.ts';
import { multiAttachError } from './words.ts';

const pod = (name: string, namespace: string): Pod => ({ metadata: { name, namespace } });

describe('the Multi-Attach error', () => {
  const rows: readonly (readonly [users: Pod[], why: string])[] = [
    [[], "Volume is already exclusively attached to one node and can't be attached to another"],
    [[pod('x', 'mine'), pod('y', 'mine')], 'Volume is already used by pod(s) x, y'],
    [
      [pod('x', 'mine'), pod('y', 'other')],
      'Volume is already used by pod(s) x and 1 pod(s) in different namespaces',
    ],
    [[pod('x', 'other')], 'Volume is already used by 1 pod(s) in different namespaces'],
  ];
  for (const [users, why] of rows) {
    it(`says: ${why}`, () => {
      const text = multiAttachError({ name: 'disk' }, pod('me', 'mine'), users);
      assert.equal(text, `Multi-Attach error for volume "disk" ${why}`);
    });
  }
});
