/** Which claims are a pod's, and which it may have. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '#api/gen/core-v1.ts';
import type { ResourceClaim } from '#api/gen/resource-v1.ts';
import { podClaims, whyNotFor } from './pod-claims.ts';

const POD: Pod = {
  metadata: { name: 'p', namespace: 'n', uid: 'u' },
  spec: {
    containers: [],
    resourceClaims: [
      { name: 'named', resourceClaimName: 'one' },
      { name: 'made', resourceClaimTemplateName: 't' },
      { name: 'none', resourceClaimTemplateName: 't' },
    ],
  },
  status: { resourceClaimStatuses: [{ name: 'made', resourceClaimName: 'two' }, { name: 'none' }] },
};

function claim(reservedFor: string, owner?: string): ResourceClaim {
  const ownerReferences = [
    { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: owner ?? '', controller: true },
  ];
  return {
    metadata: {
      name: 'c',
      namespace: 'n',
      uid: 'cu',
      ...(owner === undefined ? {} : { ownerReferences }),
    },
    spec: { devices: { requests: [] } },
    status: { reservedFor: [{ resource: 'pods', name: 'p', uid: reservedFor }] },
  };
}

describe('the claims of a pod', () => {
  it('are those that it names, and those that were made for it', () => {
    assert.deepEqual(podClaims(POD), [
      { name: 'one', mustBeOwned: false },
      { name: 'two', mustBeOwned: true },
    ]);
    assert.throws(
      () => podClaims({ ...POD, status: {} }),
      /^Error: pod "n\/p": resource claim made was not created yet$/,
    );
  });

  it('must be reserved for it, and its own where they were made for it', () => {
    const refused = 'pod p (u) is not allowed to use ResourceClaim c (cu)';
    const foreign = 'ResourceClaim n/c was not created for pod n/p (pod is not owner)';
    assert.deepEqual(
      [
        whyNotFor(POD, claim('u'), false),
        whyNotFor(POD, claim('v'), false),
        whyNotFor(POD, claim('u', 'u'), true),
        whyNotFor(POD, claim('u', 'v'), true),
        whyNotFor(POD, claim('u'), true),
        whyNotFor(POD, claim('v', 'u'), true),
      ],
      [undefined, refused, undefined, foreign, foreign, refused],
    );
  });
});
